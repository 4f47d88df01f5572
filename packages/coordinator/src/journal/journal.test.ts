import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeHost } from '@prunegrid/core/node';
import type { Host } from '@prunegrid/core/runtime';
import { decodeLine, encodeLine, FIRST_CHECKSUM } from './encoding.js';
import { Journal } from './journal.js';
import { journalFile, type JournalPosition, journalRecords, readJournal } from './reading.js';
import { type JournalRecord, type RunEvent, runJournal } from '../training/records.js';

const event = (epoch: number, trainLoss = 1 / epoch): RunEvent => ({
  type: 'epoch-finished',
  phase: 'dense',
  epoch,
  totalEpochs: epoch,
  trainLoss,
  trainAccuracy: 0.9,
  validation: { accuracy: 0.9, loss: 0.1 },
  learningRate: 0.001,
  imagesPerSecond: 1000,
  weightsHash: 'ab',
});

/** This machine with another clock. */
const at = (now: () => number): Host => ({ ...nodeHost, clock: { ...nodeHost.clock, now } });

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunegrid-journal-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Three records at times 1, 2 and 3. */
async function written(): Promise<JournalRecord[]> {
  let time = 0;
  const journal = await Journal.create(
    at(() => (time += 1)),
    folder,
    runJournal,
  );
  const records = await Promise.all([1, 2, 3].map((epoch) => journal.append(event(epoch))));
  await journal.close();
  return records;
}

describe('Journal', () => {
  it('numbers, dates and orders appends that are made at once', async () => {
    const records = await written();
    expect(records.map(({ seq, time }) => [seq, time])).toEqual([
      [0, 1],
      [1, 2],
      [2, 3],
    ]);
    expect(await readJournal(nodeHost, folder, runJournal)).toEqual(records);
  });

  it('has lost nothing when its file cannot be closed', async () => {
    const open: Host['files']['open'] = async (path, ...more) => {
      const handle = await nodeHost.files.open(path, ...more);
      const close = handle.close.bind(handle);
      return Object.assign(handle, {
        close: async () => {
          await close();
          throw Object.assign(new Error('EIO: i/o error, close'), { code: 'EIO' });
        },
      });
    };
    const journal = await Journal.create({ ...nodeHost, files: { ...nodeHost.files, open } }, folder, runJournal);
    const record = await journal.append(event(1));
    await journal.close();
    expect(await readJournal(nodeHost, folder, runJournal)).toEqual([record]);
  });

  it('has a record on the disk before anybody sees it', async () => {
    const journal = await Journal.create(nodeHost, folder, runJournal);
    const seen: [number, Promise<JournalRecord[]>][] = [];
    const unsubscribe = journal.subscribe(({ seq }) => seen.push([seq, readJournal(nodeHost, folder, runJournal)]));
    await journal.append(event(1));
    await journal.append(event(2));
    unsubscribe();
    await journal.append(event(3));
    await journal.close();
    expect(seen).toHaveLength(2);
    for (const [seq, readThen] of seen) expect((await readThen).map((record) => record.seq)).toContain(seq);
  });

  it('waits for what an event tells of, and lets nothing overtake it', async () => {
    const journal = await Journal.create(nodeHost, folder, runJournal);
    let end!: () => void;
    const first = journal.append(event(1), new Promise<void>((resolve) => (end = resolve)));
    const failing = journal.append(event(2), Promise.reject(new Error('no such disk')));
    const third = journal.append(event(3));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await readJournal(nodeHost, folder, runJournal)).toEqual([]);
    end();
    await expect(failing).rejects.toThrow('no such disk');
    expect((await first).seq).toBe(0);
    expect(await third).toMatchObject({ seq: 1, epoch: 3 });
    await journal.close();
    expect(await readJournal(nodeHost, folder, runJournal)).toEqual([await first, await third]);
  });

  it('keeps non-finite numbers, and strings that look like them', async () => {
    const journal = await Journal.create(nodeHost, folder, runJournal);
    for (const loss of [NaN, Infinity, -Infinity]) await journal.append(event(1, loss));
    await journal.append({ type: 'run-failed', kind: 'NaN', message: 'Infinity' });
    await journal.close();
    const records = await readJournal(nodeHost, folder, runJournal);
    expect(records.slice(0, 3).map((record) => 'trainLoss' in record && record.trainLoss)).toEqual([
      NaN,
      Infinity,
      -Infinity,
    ]);
    expect(records[3]).toMatchObject({ kind: 'NaN', message: 'Infinity' });
    // Any JSON reader can read the file.
    for (const line of (await readFile(journalFile(folder), 'utf8')).trim().split('\n')) JSON.parse(line);
  });

  it('does not overwrite the journal of another run', async () => {
    await written();
    await expect(Journal.create(nodeHost, folder, runJournal)).rejects.toMatchObject({
      kind: 'input',
      message: /exists already/,
    });
  });

  it('writes nothing once it may not', async () => {
    const refused = new Error('another process has the folder');
    let mayWrite = true;
    const beforeWrite = () => (mayWrite ? Promise.resolve() : Promise.reject(refused));
    const journal = await Journal.create(nodeHost, folder, runJournal, { beforeWrite });
    const first = await journal.append(event(1));
    mayWrite = false;
    await expect(journal.append(event(2))).rejects.toBe(refused);
    await journal.close();
    expect(await readJournal(nodeHost, folder, runJournal)).toEqual([first]);
  });

  it('says which file cannot be written, and in which folder none can be made', async () => {
    const journal = await Journal.create(nodeHost, folder, runJournal);
    await journal.close();
    await expect(journal.append(event(1))).rejects.toMatchObject({
      kind: 'environment',
      message: expect.stringContaining(journalFile(folder)) as string,
    });
    await expect(Journal.create(nodeHost, join(folder, 'none'), runJournal)).rejects.toMatchObject({
      kind: 'environment',
    });
  });
});

describe('a journal that was cut off', () => {
  it.each([1, 5, 40])('is read without its torn last line, %i bytes short', async (bytes) => {
    const records = await written();
    const whole = await readFile(journalFile(folder));
    await truncate(journalFile(folder), whole.length - bytes);
    expect(await readJournal(nodeHost, folder, runJournal)).toEqual(records.slice(0, 2));
  });

  it('goes on where its whole lines end', async () => {
    const records = await written();
    await appendFile(journalFile(folder), '{"seq":3,"time":4,"type":"chec');
    const journal = await Journal.reopen(
      at(() => 9),
      folder,
      runJournal,
    );
    const record = await journal.append(event(4));
    await journal.close();
    expect(record).toMatchObject({ seq: 3, time: 9 });
    expect(await readJournal(nodeHost, folder, runJournal)).toEqual([...records, record]);
  });
});

describe('a journal of version 1', () => {
  it('is read, and resumed in its own version', async () => {
    const lines = [1, 2].map((epoch, seq) => {
      const first = seq === 0 ? { format: runJournal.name, version: 1 } : {};
      return encodeLine({ ...first, seq, time: 1, ...event(epoch) }, undefined).line;
    });
    await writeFile(journalFile(folder), lines.join(''));
    const journal = await Journal.reopen(nodeHost, folder, runJournal);
    await journal.append(event(3));
    await journal.close();
    const text = await readFile(journalFile(folder), 'utf8');
    expect(text.match(/"crc":"[0-9a-f]{8}"\}\n/g)).toHaveLength(3);
    expect(await readJournal(nodeHost, folder, runJournal)).toHaveLength(3);
    await writeFile(journalFile(folder), text.replace('"version":1', '"version":2'));
    await expect(readJournal(nodeHost, folder, runJournal)).rejects.toThrow(/:1 is damaged/);
  });
});

describe('a damaged journal', () => {
  it('is found although the byte that has changed is the end of its last line', async () => {
    await written();
    const whole = await readFile(journalFile(folder), 'utf8');
    await writeFile(journalFile(folder), `${whole.slice(0, -1)} `);
    await expect(readJournal(nodeHost, folder, runJournal)).rejects.toThrow(/:3 is damaged/);
  });

  it.each([
    ['that is not JSON', (lines: string[]) => lines.with(1, 'x'), /journal\.jsonl:2 is damaged/],
    ['that is no record', (lines: string[]) => lines.with(1, '{}'), /journal\.jsonl:2 is damaged/],
    ['that is missing', (lines: string[]) => lines.toSpliced(1, 1), /journal\.jsonl:2 is damaged: its checksum/],
    [
      'that is doubled',
      (lines: string[]) => lines.toSpliced(1, 0, lines[0]),
      /journal\.jsonl:2 is damaged: its checksum/,
    ],
    [
      'with a digit that has changed',
      (lines: string[]) => lines.with(1, lines[1].replace('"trainLoss":0.5', '"trainLoss":0.4')),
      /journal\.jsonl:2 is damaged: its checksum is another one; restore the file, or cut it off before this line$/,
    ],
    [
      'without its checksum',
      (lines: string[]) => lines.with(0, lines[0].replace(/,"chain".*/, '}')),
      /journal\.jsonl:1 is damaged, or was written by an earlier prunegrid: it has no checksum/,
    ],
    [
      'with another content than such a record has',
      (lines: string[]) =>
        lines.with(
          1,
          encodeLine(
            { seq: 1, time: 2, type: 'checkpoint', file: 7 },
            decodeLine(lines[0], FIRST_CHECKSUM).chain,
          ).line.trim(),
        ),
      /journal\.jsonl:2 is no record of a prunegrid\.run-journal: checkpoint: file: /,
    ],
    [
      'of another version',
      (lines: string[]) => {
        const { value } = decodeLine(lines[0], FIRST_CHECKSUM);
        return lines.with(0, encodeLine({ ...value, version: 3 }, FIRST_CHECKSUM).line.trim());
      },
      /journal\.jsonl:1 has version 3 of prunegrid\.run-journal, and this .* knows version 2; use the prunegrid that wrote it$/,
    ],
  ])('is refused for a line %s', async (_what, damage, message) => {
    await written();
    const lines = (await readFile(journalFile(folder), 'utf8')).split('\n');
    await writeFile(journalFile(folder), damage(lines).join('\n'));
    await expect(readJournal(nodeHost, folder, runJournal)).rejects.toMatchObject({
      name: 'Failure',
      kind: 'input',
      message,
    });
    await expect(Journal.reopen(nodeHost, folder, runJournal)).rejects.toThrow(message);
  });

  it('is told apart from none', async () => {
    await expect(readJournal(nodeHost, folder, runJournal)).rejects.toThrow(/does not exist; name the folder of a run/);
    await expect(readJournal(nodeHost, join(folder, 'none'), runJournal)).rejects.toThrow(
      /does not exist; name the folder of a run/,
    );
  });
});

it('is read on from any position, across the pieces that the file is read in', async () => {
  const journal = await Journal.create(nodeHost, folder, runJournal);
  const long = 'é'.repeat(50_000);
  for (const message of ['a', long, 'b', long, 'c']) await journal.append({ type: 'run-failed', kind: '', message });
  await journal.close();
  const all: { record: JournalRecord; next: JournalPosition }[] = [];
  for await (const item of journalRecords(nodeHost, folder, runJournal)) all.push(item);
  expect(all.map(({ record }) => 'message' in record && record.message.length)).toEqual([1, 50_000, 1, 50_000, 1]);
  for (const [index, { next }] of all.entries()) {
    const rest: JournalRecord[] = [];
    for await (const { record } of journalRecords(nodeHost, folder, runJournal, next)) rest.push(record);
    expect(rest).toEqual(all.slice(index + 1).map(({ record }) => record));
  }
});
