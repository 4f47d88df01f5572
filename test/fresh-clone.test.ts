import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Ended, temporaryFolder } from './environment/cli.js';

// A user's first minutes: the files of a clone, nothing installed, and the README's first command.

const root = fileURLToPath(new URL('..', import.meta.url));
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let clone: string;
let environment: NodeJS.ProcessEnv;

beforeAll(async () => {
  folder = await temporaryFolder();
  clone = join(folder.path, 'clone');
  await cp(root, clone, { recursive: true, filter: (path) => path === root || !isIgnored(basename(path)) });
  // What npm sets for the tests themselves would reach the npm that is tested.
  environment = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_|VITEST|NODE_ENV)/.test(name)),
  );
  // A cache of its own, in which npx leaves its links, with the packages that this machine has downloaded before.
  const cache = join(folder.path, 'npm');
  const downloaded = join(execFileSync('npm', ['config', 'get', 'cache'], { encoding: 'utf8' }).trim(), '_cacache');
  await mkdir(cache);
  if (existsSync(downloaded)) await symlink(downloaded, join(cache, '_cacache'));
  environment.npm_config_cache = cache;
  environment.npm_config_prefer_offline = 'true';
  environment.npm_config_update_notifier = 'false';
});

afterAll(() => folder.remove());

const ignored = readFileSync(join(root, '.gitignore'), 'utf8').trim().split('\n');

/** Returns whether git leaves this file or folder out. The patterns in .gitignore are names of folders and endings of files. */
function isIgnored(name: string): boolean {
  if (name === '.git') return true;
  return ignored.some((pattern) =>
    pattern.startsWith('*') ? name.endsWith(pattern.slice(1)) : name === pattern.replace(/[/]$/, ''),
  );
}

/** Runs a command line of the README in the clone. With `interruptAt`, presses Ctrl-C when it prints that. */
function inClone(line: string, interruptAt?: string): Promise<Ended> {
  const [program = '', ...args] = line.split(' ');
  // It gets a process group of its own, because Ctrl-C in a terminal reaches a whole group.
  const child = spawn(program, args, {
    cwd: clone,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
    if (!interruptAt || !output.stderr.includes(interruptAt) || child.pid === undefined) return;
    interruptAt = undefined;
    process.kill(-child.pid, 'SIGINT');
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code: code ?? signal, ...output }));
  });
}

test(
  "the README's first command sets a fresh clone up, also after an interruption, and runs",
  { timeout: 600_000 },
  async () => {
    const firstLine = /^npx prunegrid .*?(?=\s*(#|$))/m.exec(readFileSync(join(root, 'README.md'), 'utf8'))?.[0];
    expect(firstLine).toMatch(/^npx prunegrid run /);

    const interrupted = await inClone(firstLine as string, 'npm installs them');
    expect(interrupted.stderr).toContain('Interrupted; run the same command to go on.');
    // The shell between npm and the command ends by the signal itself; a terminal's shell says 130 of both.
    expect([130, 'SIGINT']).toContain(interrupted.code);

    const run = `${firstLine} --out run`;
    const first = await inClone(run);
    expect(first, first.stderr).toMatchObject({ code: 0 });
    expect(first.stderr).toMatch(/dependencies .*installed/);
    expect(first.stderr).toMatch(/build .*are built/);
    expect(existsSync(join(clone, 'run/model.safetensors'))).toBe(true);
    expect(JSON.parse(readFileSync(join(clone, 'run/manifest.json'), 'utf8'))).toMatchObject({
      commandLine: run.replace('npx ', '').split(' '),
    });

    const second = await inClone('npx prunegrid sweep plan experiments/sweep-smoke.yaml');
    expect(second).toMatchObject({ code: 0, stderr: '' });
  },
);
