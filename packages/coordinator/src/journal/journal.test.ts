import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Journal } from './journal.js';
import { journalFile, journalRecords, readJournal } from './reading.js';
import type { JournalRecord, RunEvent } from '../training/records.js';

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

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunegrid-journal-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Three records at times 1, 2 and 3. */
async function written(): Promise<JournalRecord[]> {
  let time = 0;
  const journal = await Journal.create(folder, () => (time += 1));
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
    expect(await readJournal(folder)).toEqual(records);
  });

  it('has a record on the disk before anybody sees it', async () => {
    const journal = await Journal.create(folder);
    const seen: [number, Promise<JournalRecord[]>][] = [];
    const unsubscribe = journal.subscribe(({ seq }) => seen.push([seq, readJournal(folder)]));
    await journal.append(event(1));
    await journal.append(event(2));
    unsubscribe();
    await journal.append(event(3));
    await journal.close();
    expect(seen).toHaveLength(2);
    for (const [seq, readThen] of seen) expect((await readThen).map((record) => record.seq)).toContain(seq);
  });

  it('waits for what an event tells of, and lets nothing overtake it', async () => {
    const journal = await Journal.create(folder);
    let end!: () => void;
    const first = journal.append(event(1), new Promise<void>((resolve) => (end = resolve)));
    const failing = journal.append(event(2), Promise.reject(new Error('no such disk')));
    const third = journal.append(event(3));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await readJournal(folder)).toEqual([]);
    end();
    await expect(failing).rejects.toThrow('no such disk');
    expect((await first).seq).toBe(0);
    expect(await third).toMatchObject({ seq: 1, epoch: 3 });
    await journal.close();
    expect(await readJournal(folder)).toEqual([await first, await third]);
  });

  it('keeps non-finite numbers, and strings that look like them', async () => {
    const journal = await Journal.create(folder);
    for (const loss of [NaN, Infinity, -Infinity]) await journal.append(event(1, loss));
    await journal.append({ type: 'run-failed', kind: 'NaN', message: 'Infinity' });
    await journal.close();
    const records = await readJournal(folder);
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
    await expect(Journal.create(folder)).rejects.toMatchObject({ kind: 'input', message: /exists already/ });
  });

  it('says which file cannot be written, and in which folder none can be made', async () => {
    const journal = await Journal.create(folder);
    await journal.close();
    await expect(journal.append(event(1))).rejects.toMatchObject({
      kind: 'environment',
      message: expect.stringContaining(journalFile(folder)) as string,
    });
    await expect(Journal.create(join(folder, 'none'))).rejects.toMatchObject({ kind: 'environment' });
  });
});

describe('a journal that was cut off', () => {
  it.each([1, 5, 40])('is read without its torn last line, %i bytes short', async (bytes) => {
    const records = await written();
    const whole = await readFile(journalFile(folder));
    await truncate(journalFile(folder), whole.length - bytes);
    expect(await readJournal(folder)).toEqual(records.slice(0, 2));
  });

  it('goes on where its whole lines end', async () => {
    const records = await written();
    await appendFile(journalFile(folder), '{"seq":3,"time":4,"type":"chec');
    const journal = await Journal.reopen(folder, () => 9);
    const record = await journal.append(event(4));
    await journal.close();
    expect(record).toMatchObject({ seq: 3, time: 9 });
    expect(await readJournal(folder)).toEqual([...records, record]);
  });
});

describe('a damaged journal', () => {
  it.each([
    ['that is not JSON', (lines: string[]) => lines.with(1, 'x'), /journal\.jsonl:2 is damaged/],
    ['that is no record', (lines: string[]) => lines.with(1, '{}'), /journal\.jsonl:2 is damaged/],
    ['that is missing', (lines: string[]) => lines.toSpliced(1, 1), /journal\.jsonl:2 has seq 2 where 1 is due/],
    ['that is doubled', (lines: string[]) => lines.toSpliced(1, 0, lines[0]), /journal\.jsonl:2 has seq 0 where 1/],
  ])('is refused for a line %s', async (_what, damage, message) => {
    await written();
    const lines = (await readFile(journalFile(folder), 'utf8')).split('\n');
    await writeFile(journalFile(folder), damage(lines).join('\n'));
    await expect(readJournal(folder)).rejects.toMatchObject({ name: 'Failure', kind: 'input', message });
    await expect(Journal.reopen(folder)).rejects.toThrow(message);
  });

  it('is told apart from none', async () => {
    await expect(readJournal(folder)).rejects.toThrow(/does not exist; name the folder of a run/);
    await expect(readJournal(join(folder, 'none'))).rejects.toThrow(/does not exist; name the folder of a run/);
  });
});

it('is read on from any position, across the pieces that the file is read in', async () => {
  const journal = await Journal.create(folder);
  const long = 'é'.repeat(50_000);
  for (const message of ['a', long, 'b', long, 'c']) await journal.append({ type: 'run-failed', kind: '', message });
  await journal.close();
  const all: { record: JournalRecord; next: { seq: number; offset: number } }[] = [];
  for await (const item of journalRecords(folder)) all.push(item);
  expect(all.map(({ record }) => 'message' in record && record.message.length)).toEqual([1, 50_000, 1, 50_000, 1]);
  for (const [index, { next }] of all.entries()) {
    const rest: JournalRecord[] = [];
    for await (const { record } of journalRecords(folder, next)) rest.push(record);
    expect(rest).toEqual(all.slice(index + 1).map(({ record }) => record));
  }
});
