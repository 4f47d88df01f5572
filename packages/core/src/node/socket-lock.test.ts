import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import ts from 'typescript';
import { exclusively } from './socket-lock.js';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunegrid-lock-'));
  // Other processes run the very same code.
  const source = await readFile(new URL('socket-lock.ts', import.meta.url), 'utf8');
  const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
  await writeFile(join(folder, 'socket-lock.js'), ts.transpileModule(source, { compilerOptions: options }).outputText);
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  await writeFile(
    join(folder, 'hold.js'),
    `import { exclusively } from './socket-lock.js';
    await exclusively(process.argv[2], async () => {
      console.log('holds');
      await new Promise((resolve) => process.stdin.once('data', resolve));
      console.log('lets go');
    }, () => console.log('waits'));
    process.stdin.destroy();`,
  );
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** A process that takes the lock and holds it until a byte on its standard input. `next` reads a line it printed. */
function holder(name: string): { child: ChildProcess; next: () => Promise<string>; letGo: () => void } {
  const child = spawn(process.execPath, [join(folder, 'hold.js'), name], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, next: async () => (await lines.next()).value as string, letGo: () => child.stdin.write('.') };
}

describe.skipIf(process.platform !== 'linux')('exclusively', () => {
  it('lets a second process in when the first is done', async () => {
    const name = `${folder}/turns`;
    const first = holder(name);
    expect(await first.next()).toBe('holds');
    const second = holder(name);
    expect(await second.next()).toBe('waits');
    first.letGo();
    expect(await first.next()).toBe('lets go');
    expect(await second.next()).toBe('holds');
    second.letGo();
    expect(await second.next()).toBe('lets go');
  });

  it('is free again when its holder is killed', async () => {
    const name = `${folder}/killed`;
    const first = holder(name);
    expect(await first.next()).toBe('holds');
    let waited = 0;
    const ours = exclusively(
      name,
      () => Promise.resolve('ran'),
      () => {
        waited++;
        first.child.kill('SIGKILL');
      },
    );
    expect(await ours).toBe('ran');
    expect(waited).toBe(1);
  });

  it('is free again when the work fails, and different names do not meet', async () => {
    const failing = exclusively(`${folder}/a`, () => Promise.reject(new Error('no luck')), neverWaits);
    const other = exclusively(`${folder}/b`, () => Promise.resolve('b'), neverWaits);
    await expect(failing).rejects.toThrow('no luck');
    expect(await other).toBe('b');
    expect(await exclusively(`${folder}/a`, () => Promise.resolve('a'), neverWaits)).toBe('a');
  });

  it('stops waiting when told to', async () => {
    const stop = new AbortController();
    const name = `${folder}/stopped`;
    await exclusively(
      name,
      async () => {
        const second = exclusively(
          name,
          () => Promise.resolve(),
          () => stop.abort(),
          stop.signal,
        );
        await expect(second).rejects.toMatchObject({ name: 'AbortError' });
      },
      neverWaits,
    );
  });
});

function neverWaits() {
  throw new Error('nobody else holds this lock');
}
