import { execFile } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';

import { loadExtensions } from './extension.js';
import { Registry } from './registry.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunegrid-extension-'));
});

async function fileOf(name: string, source: string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, source);
  return file;
}

const shapes = () => ({ shapes: new Registry<{ name: string }>('shape') });

/**
 * The built modules run in a process of their own, because vitest loads modules in its own way, with messages of its
 * own.
 */
const built = new URL('../dist/extension.js', import.meta.url).href;
const registry = new URL('../dist/registry.js', import.meta.url).href;

async function complaint(file: string): Promise<string> {
  const script = `
    import { loadExtensions } from ${JSON.stringify(built)};
    import { Registry } from ${JSON.stringify(registry)};
    await loadExtensions([${JSON.stringify(file)}], { shapes: new Registry('shape') }).catch((error) => {
      console.log(JSON.stringify([error.name, error.kind, error.message]));
    });`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);
  const [name, kind, message] = JSON.parse(stdout) as string[];
  expect([name, kind]).toEqual(['Failure', 'input']);
  return message;
}

describe('loadExtensions', () => {
  it('hands the registries to each file, seen from the working folder, and waits for it', async () => {
    const circle = await fileOf('circle.mjs', 'export default ({ shapes }) => shapes.add({ name: "circle" });');
    const late = await fileOf(
      'late.mjs',
      'export default async ({ shapes }) => { await 1; shapes.add({ name: "square" }); };',
    );
    const registries = shapes();
    expect(await loadExtensions([relative('', circle), late], registries)).toEqual([circle, late]);
    expect(registries.shapes.names).toEqual(['circle', 'square']);
  });

  it('runs a file once for the same registries', async () => {
    const file = await fileOf('once.mjs', 'export default ({ shapes }) => shapes.add({ name: "circle" });');
    const registries = shapes();
    await loadExtensions([file, file], registries);
    await loadExtensions([file], registries);
    expect(registries.shapes.names).toEqual(['circle']);
    const others = shapes();
    await loadExtensions([file], others);
    expect(others.shapes.names).toEqual(['circle']);
  });

  it.each([
    ['a syntax error', 'export default (', /cannot be loaded: SyntaxError: /],
    ['an import that is not there', 'import "./nowhere.mjs";', /cannot be loaded: .*nowhere\.mjs/],
    ['an exception when it is loaded', 'throw new TypeError("no\\nwonder");', /cannot be loaded: TypeError: no$/],
    [
      'no default export',
      'export const extend = () => 1;',
      /exports no function by default: it must have "export default/,
    ],
    ['a default export that is no function', 'export default {};', /exports no function by default/],
    [
      'a function that fails',
      'export default () => { throw new Error("not today"); };',
      /its function failed: Error: not today$/,
    ],
    [
      'a registry that is not there',
      'export default ({ forms }) => forms.add({});',
      /its function failed: TypeError: /,
    ],
    [
      'a member that is there twice',
      'export default ({ shapes }) => { shapes.add({ name: "a" }); shapes.add({ name: "a" }); };',
      /its function failed: shape "a" is registered already: give this one another name$/,
    ],
  ])('says in one line what is wrong with a file that has %s', async (what, source, expected) => {
    const file = await fileOf(`${what.replaceAll(' ', '-')}.mjs`, source);
    const message = await complaint(file);
    expect(message).toMatch(expected);
    expect(message.startsWith(`--extension ${file}: `)).toBe(true);
    expect(message).not.toContain('\n');
  });

  it('says in one line that there is no such file', async () => {
    expect(await complaint('nowhere/at-all.mjs')).toBe(
      '--extension nowhere/at-all.mjs: there is no such file: check the path, which is seen from the working folder',
    );
  });
});
