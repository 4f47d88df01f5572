import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

import { ofType, prunegrid, type Running, sha256, start, temporaryFolder } from './environment/cli.js';

const small = resolve('packages/testing/dist/extension.js');
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let extension: string;
let files = 0;
beforeAll(async () => (folder = await temporaryFolder()));
afterAll(() => folder.remove());
/** A new extension file, which can be moved and changed. */
beforeEach(() => {
  extension = join(folder.path, `small${++files}.mjs`);
  writeFileSync(extension, `export { default } from ${JSON.stringify(small)};\n`);
});

const sweepFile = () => {
  const file = join(folder.path, `sweep${files}.yaml`);
  const seed = Math.floor(Math.random() * 2 ** 32);
  writeFileSync(
    file,
    `name: small\nbase: ${resolve('test/simulation/small.yaml')}\nset: { seed: ${seed}, dense.epochs: 60 }\ngrid: { retrain.epochs: [1, 2] }\n`,
  );
  return file;
};

const line = (text: string) => ({ code: 2, stderr: `prunegrid: ${text}\n` });

/** Interrupts a process once it prints what matches. */
async function interrupt(running: Running, pattern: RegExp): Promise<void> {
  await running.prints(pattern);
  running.process.kill('SIGTERM');
  expect(await running.ended).toMatchObject({ code: 130 });
}

it('a run is resumed with the extensions that it was made with, if they are as they were', async () => {
  const run = join(folder.path, 'run');
  const flags = ['--trainers', '1', '--set', 'dense.epochs=100', '--extension', extension];
  await interrupt(start('run', 'test/simulation/small.yaml', '--out', run, ...flags), /dense .*1\/100/);
  const manifest = JSON.parse(readFileSync(join(run, 'manifest.json'), 'utf8')) as { extensions: unknown };
  expect(manifest.extensions).toEqual([{ file: extension, sha256: sha256(extension) }]);

  const begin = `${run}: was made with the extension ${extension}, which`;
  const remedy = 'bring it back, or name all its extensions by --extension';
  const moved = `${extension}.moved.mjs`;
  renameSync(extension, moved);
  expect(await prunegrid('resume', run)).toMatchObject(line(`${begin} is not there any more: ${remedy}`));
  writeFileSync(extension, `${readFileSync(moved, 'utf8')}// Another one.\n`);
  expect(await prunegrid('resume', run)).toMatchObject(line(`${begin} has changed since then: ${remedy}`));

  // Under its new name it has the content of then.
  await interrupt(start('resume', run, '--trainers', '1', '--extension', moved), /dense .*\/100/);
  // Another content is the user's decision, and is said.
  const other = start('resume', run, '--trainers', '1', '--extension', extension);
  await other.prints(/was made with the extension .* no --extension names a file with the content of then/);
  await interrupt(other, /dense .*\/100/);
  renameSync(moved, extension);
  expect(await prunegrid('resume', run, '--trainers', '1')).toMatchObject({ code: 0, stderr: '' });
});

it('a sweep is shown and resumed with the extensions that it was made with', async () => {
  const out = join(folder.path, 'sweep');
  const flags = ['--out', out, '--trainers', '1', '--extension', extension];
  await interrupt(start('sweep', 'run', sweepFile(), ...flags), /trial 1\b.*started/);
  expect(await prunegrid('sweep', 'status', out)).toMatchObject({ code: 0, stderr: '' });
  expect(await prunegrid('sweep', 'resume', out, '--trainers', '1')).toMatchObject({ code: 0 });
  expect(ofType(out, 'sweep-finished')).toMatchObject([{ finished: 2, failed: 0 }]);
});

it('a server loads no extension because a sweep names it, says so, and takes the sweep up when it is given the file', async () => {
  const queue = join(folder.path, 'queue');
  const out = join(folder.path, 'queued');
  const submit = ['sweep', 'submit', sweepFile(), '--out', out, '--queue', queue, '--extension', extension];
  expect(await prunegrid(...submit)).toMatchObject({ code: 0, stderr: '' });
  const needs = `needs the extension ${extension} as it was when the sweep was submitted`;
  await interrupt(start('serve', queue), new RegExp(needs.replaceAll('.', '\\.')));
  const server = start('serve', queue, '--extension', extension, '--launch', 'local');
  await expect.poll(() => ofTypeIfAny(out, 'sweep-finished'), { timeout: 60_000 }).toMatchObject([{ finished: 2 }]);
  server.process.kill('SIGTERM');
  await server.ended;
});

it('a server starts trainers by the launcher that is named, and refuses one that it does not know', async () => {
  expect(await prunegrid('serve', join(folder.path, 'no-queue'), '--launch', 'loca')).toMatchObject(
    line('no launcher "loca"; did you mean "local"? Allowed: local, slurm, ray, kubernetes, none'),
  );
});

/** Those of one type, none before there is a journal. */
function ofTypeIfAny(place: string, type: string): Record<string, unknown>[] {
  try {
    return ofType(place, type);
  } catch {
    return [];
  }
}
