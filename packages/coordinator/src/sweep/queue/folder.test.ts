import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { nodeHost } from '@prunegrid/core/node';

import type { Spec } from '../../experiment/spec.js';
import {
  createQueue,
  endEntry,
  entryFile,
  isQueued,
  listEntries,
  putEntry,
  queuedAt,
  readEntry,
  requireNoModules,
  requireOwner,
} from './folder.js';

let folder: string;
const place = () => ({ folder, entry: 'one' });
const entry = { sweep: '/sweeps/tiny', retries: 2, failFast: false };
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunegrid-queue-'));
  await createQueue(nodeHost, folder);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('a queue', () => {
  it('holds entries until they are ended', async () => {
    await putEntry(nodeHost, place(), entry);
    await putEntry(nodeHost, { folder, entry: 'another' }, { ...entry, maxConcurrent: 1, mlflow: 'http://host:5000' });
    expect(await listEntries(nodeHost, folder)).toEqual(['another', 'one']);
    expect(await readEntry(nodeHost, place())).toEqual({ ...entry, owner: nodeHost.machine.userId });
    expect(await queuedAt(nodeHost, place())).toEqual({ served: false });
    expect(await endEntry(nodeHost, place())).toBe(true);
    expect(await endEntry(nodeHost, place())).toBe(false);
    expect([await isQueued(nodeHost, place()), await queuedAt(nodeHost, place())]).toEqual([false, undefined]);
    expect(await listEntries(nodeHost, folder)).toEqual(['another']);
    expect(await readEntry(nodeHost, place(), 'ended')).toMatchObject(entry);
  });

  it('states the format and the version of its entries', async () => {
    await putEntry(nodeHost, place(), entry);
    const stored: unknown = JSON.parse(await readFile(entryFile(place()), 'utf8'));
    expect(stored).toEqual({
      ...{ format: 'prunegrid.queue-entry', version: 2, ...entry },
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
  });
});

describe('what is no entry', () => {
  const remedy = 'remove it, and submit its sweep again';
  const refused = async (reason: RegExp) => {
    const failure = readEntry(nodeHost, place());
    await expect(failure).rejects.toMatchObject({ kind: 'input', message: expect.stringMatching(reason) as string });
    await expect(failure).rejects.toThrow(entryFile(place()));
  };

  it.each([
    ['damaged', '{"sweep":', /is damaged: it is not JSON; remove it/],
    ['from before versions', JSON.stringify(entry), /was written by an earlier prunegrid/],
    [
      'of another version',
      JSON.stringify({ format: 'prunegrid.queue-entry', version: 3, ...entry }),
      /has version 3 of prunegrid\.queue-entry, and this prunegrid knows version 2/,
    ],
    [
      'wrong inside',
      JSON.stringify({ format: 'prunegrid.queue-entry', version: 1, ...entry, retries: -1 }),
      /is damaged: retries: /,
    ],
  ])('is refused in one line: %s', async (_, text, reason) => {
    await writeFile(entryFile(place()), text);
    await refused(reason);
  });

  it('is not read: a pipe', async () => {
    execFileSync('mkfifo', [entryFile(place())]);
    await refused(new RegExp(`is no entry of a queue, since it is no file: ${remedy}`));
  });

  it('is not read: a folder', async () => {
    await mkdir(entryFile(place()));
    await refused(/since it is no file/);
  });

  it('is not read: a link, even to an entry', async () => {
    await putEntry(nodeHost, { folder, entry: 'another' }, entry);
    await symlink(entryFile({ folder, entry: 'another' }), entryFile(place()));
    await refused(/since it is no file/);
    expect(await isQueued(nodeHost, place())).toBe(true);
  });

  it('is not read: a file of more than 64 KiB', async () => {
    await writeFile(entryFile(place()), '');
    await truncate(entryFile(place()), 2 ** 40);
    await refused(/since it has more than 65536 bytes/);
  });
});

it('an entry counts if its user owns the sweep, or serves the queue', () => {
  const owned = { ...entry, owner: 1001 };
  expect(() => requireOwner(owned, 1001, 1000)).not.toThrow();
  expect(() => requireOwner({ ...owned, owner: 1000 }, 1001, 1000)).not.toThrow();
  expect(() => requireOwner({ ...owned, owner: 0 }, 1001, 1000)).not.toThrow();
  expect(() => requireOwner(owned, 1002, 1000)).toThrow(/was submitted by user 1001, who does not own it/);
});

it('modules as model or data are executed only for the user who serves the queue', () => {
  const trialsOf = (model: string, name: string, loss?: string) => [
    { spec: { model, dataset: { name } as Spec['dataset'], loss } },
  ];
  const files = trialsOf('/lab/net.onnx@sha256:'.padEnd(85, '0'), '/lab/x.npz');
  for (const [owner, userId] of [
    [1001, 1000],
    [0, 1000],
    [1001, 0],
  ]) {
    expect(() => requireNoModules('s', owner, files, userId)).not.toThrow();
    for (const trials of [
      trialsOf('/lab/net.mjs@sha256:'.padEnd(84, '0'), 'mnist'),
      trialsOf('lenet5', '/lab/data.mjs'),
      trialsOf('lenet5', 'mnist', '/lab/data.mjs'),
    ]) {
      expect(() => requireNoModules('s', owner, trials, userId)).toThrow(/^s: has the module \/lab\/(net|data)\.mjs/);
      expect(() => requireNoModules('s', userId, trials, userId)).not.toThrow();
    }
  }
});
