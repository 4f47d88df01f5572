import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { exitCodes } from '@prunegrid/core/failure';
import { describe, expect, it, test } from 'vitest';

// What the pages name must exist: links, commands, packages, files.

const root = fileURLToPath(new URL('..', import.meta.url));
const pages = ['README.md', 'CONTRIBUTING.md', ...markdownIn('docs')];
const texts = new Map(pages.map((page) => [page, readFileSync(join(root, page), 'utf8')]));
const packageNames = readdirSync(join(root, 'packages')).map(
  (folder) => (json(`packages/${folder}/package.json`) as { name: string }).name,
);

function markdownIn(folder: string): string[] {
  return readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name));
}

function json(file: string): unknown {
  return JSON.parse(readFileSync(join(root, file), 'utf8'));
}

/** What a page has in code spans and in code blocks. */
function codeIn(page: string): string[] {
  const text = texts.get(page) ?? '';
  const blocks = [...text.matchAll(/^```.*\n([^]*?)^```$/gm)].map(([, code]) => code);
  const prose = text.replaceAll(/^```[^]*?^```$/gm, '');
  return [...blocks, ...[...prose.matchAll(/`([^`]+)`/g)].map(([, code]) => code)];
}

/** All matches of a pattern's first group in the code of all pages, each once, with a page that has it. */
function named(pattern: RegExp): [name: string, page: string][] {
  const found = pages.flatMap((page) =>
    codeIn(page).flatMap((code) => [...code.matchAll(pattern)].map(([, name]): [string, string] => [name, page])),
  );
  return [...new Map(found)];
}

/** The anchors that GitHub gives a page's headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe.each(pages)('%s', (page) => {
  const links = [...(texts.get(page) ?? '').matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target);
  const relative = links.filter((target) => !/^[a-z]+:/.test(target));

  it('links to pages and files that exist', () => {
    const broken = relative.filter((target) => {
      const [path, anchor] = target.split('#');
      const file = path === '' ? page : join(dirname(page), path);
      if (!existsSync(join(root, file))) return true;
      return anchor !== undefined && !anchorsOf(readFileSync(join(root, file), 'utf8')).includes(anchor);
    });
    expect(broken).toEqual([]);
  });
});

test('the README links to every page', () => {
  const readme = texts.get('README.md') ?? '';
  expect(pages.length).toBeGreaterThan(8);
  expect(pages.slice(1).filter((page) => !readme.includes(`](${page}`))).toEqual([]);
});

describe('commands', () => {
  const lines = named(/npx (prunegrid(?:-[a-z]+)?(?:\s+[a-z]+(?=\s|$)){0,2})/g).map(([line]) =>
    line.split(/\s+/).join(' '),
  );
  const programs: Record<string, string> = {
    prunegrid: 'packages/cli/bin/prunegrid.js',
    'prunegrid-bench': 'packages/bench/bin/prunegrid-bench.js',
    'prunegrid-trainer': 'packages/trainer/bin/prunegrid-trainer.js',
  };

  async function help(program: string, ...words: string[]): Promise<string> {
    const file = join(root, programs[program] ?? program);
    return (await promisify(execFile)(process.execPath, [file, ...words, '--help'])).stdout;
  }

  it('are found in the pages', () => {
    expect(lines).toEqual(expect.arrayContaining(['prunegrid run', 'prunegrid sweep plan', 'prunegrid-bench step']));
  });

  it.each([...new Set(lines)])('%s', async (line) => {
    const [program, command, sub] = line.split(' ') as [string, string?, string?];
    if (command === undefined) return expect(await help(program)).toContain(`Usage: ${program}`);
    // A command that does not exist would print the help of the one above it.
    const text = await help(program, command);
    expect(text).toContain(`Usage: ${program} ${command}`);
    // Behind a command without commands of its own, a word is an argument.
    if (sub === undefined || !text.includes('\nCommands:')) return;
    expect(await help(program, command, sub)).toContain(`Usage: ${program} ${command} ${sub}`);
  });

  it('of npm are scripts of the root', () => {
    const { scripts } = json('package.json') as { scripts: Record<string, string> };
    const run = named(/npm run ([\w:-]+)/g).map(([name]) => name);
    expect(run).toContain('check');
    expect(run.filter((name) => name !== '-w' && !(name in scripts))).toEqual([]);
  });
});

test('packages that the pages name exist, and the page on the architecture names all', () => {
  const wrong = named(/(@prunegrid\/[a-z-]+)/g).filter(([name]) => !packageNames.includes(name));
  expect(wrong).toEqual([]);
  const architecture = texts.get('docs/architecture.md') ?? '';
  expect(readdirSync(join(root, 'packages')).filter((name) => !architecture.includes(`(../packages/${name})`))).toEqual(
    [],
  );
});

test('files and folders of the repository that the pages name exist', () => {
  const paths = named(/(?<![\w./-])((?:packages|test|scripts|experiments|benchmarks|docs)\/[\w./-]*\w)/g);
  expect(paths.length).toBeGreaterThan(20);
  // What a page's own commands write is none of the repository.
  const missing = paths.filter(([path]) => !path.endsWith('.onnx') && !existsSync(join(root, path)));
  expect(missing).toEqual([]);
});

test('the table of exit codes is that of the code', () => {
  const table = [...(texts.get('docs/operations.md') ?? '').matchAll(/^\| (\d+) +\|/gm)].map(([, code]) =>
    Number(code),
  );
  expect(table).toEqual([0, ...Object.values(exitCodes)]);
});
