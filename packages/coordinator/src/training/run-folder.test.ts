import { nodeHost } from '@prunegrid/core/node';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { sampleManifest } from '../../../../test/mlflow/sample-run.js';
import { Journal } from '../journal/journal.js';
import { runJournal } from './records.js';
import { createRunFolder } from './run-folder.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunegrid-run-folder-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a run folder', () => {
  it('is made where there is none, and refused if it holds a run', async () => {
    const run = join(folder, 'run');
    await createRunFolder(nodeHost, run);
    // A process that was killed has left half a file: there is no process with this id.
    await writeFile(join(run, `.manifest.json.999999999@${nodeHost.processes.host}.01234567.tmp`), 'half');
    await writeFile(join(run, 'coordinator.lock'), '{}');
    await mkdir(join(run, 'launch'));
    await createRunFolder(nodeHost, run);
    expect(await readdir(run)).toEqual(['checkpoints', 'coordinator.lock', 'launch']);
    // A run that was killed before anybody was told of it.
    await writeFile(join(run, 'manifest.json'), '{}');
    await writeFile(join(run, 'journal.jsonl'), '{"seq":');
    await createRunFolder(nodeHost, run);
    const journal = await Journal.reopen(nodeHost, run, runJournal);
    await journal.append({ type: 'run-started', manifest: sampleManifest('id') });
    await journal.close();
    await expect(createRunFolder(nodeHost, run)).rejects.toMatchObject({
      kind: 'input',
      message: `${run}: holds another run already (journal.jsonl): choose another --out`,
    });
  });
});
