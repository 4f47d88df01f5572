import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';

import { nodeHost } from '../node/index.js';
import { type Format, readStored, writeStored } from './index.js';

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunegrid-formats-'));
  file = join(folder, 'counts.json');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const schema = z.strictObject({ counts: z.array(z.number()) });
const counts: Format<typeof schema> = { name: 'prunegrid.counts', version: 3, schema };
const read = () => readStored(nodeHost, file, counts, 'count again');

it('states its format and version, and is read as it was written', async () => {
  await writeStored(nodeHost, file, counts, { counts: [1, 2] });
  expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({
    ...{ format: 'prunegrid.counts', version: 3, counts: [1, 2] },
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
  });
  expect(await read()).toEqual({ counts: [1, 2] });
});

const stated = (more: object) => JSON.stringify({ format: 'prunegrid.counts', version: 3, ...more });

it.each([
  ['cut off', '{"format":', 'is damaged: it is not JSON; count again'],
  ['another value', '[1]', 'is damaged: it is not a JSON object; count again'],
  ['wrong inside', stated({ counts: [1, 'x'] }), /is damaged: counts\.1: Invalid input.*; count again/],
  ['with an unknown key', stated({ counts: [], more: 1 }), /is damaged: Unrecognized key: "more"; count again/],
  ['older than versions', '{"counts":[]}', /was written by an earlier prunegrid/],
  ['newer', stated({ version: 4, counts: [] }), /has version 4 of prunegrid\.counts, and .* knows version 3; use/],
  ['of another format', stated({ format: 'prunegrid.sums' }), /is a prunegrid\.sums, where a prunegrid\.counts is/],
])('is refused in one line that names the file when it is %s', async (_, text, reason) => {
  await writeFile(file, text);
  const failure = read();
  await expect(failure).rejects.toMatchObject({ kind: 'input', message: expect.stringMatching(reason) as string });
  await expect(failure).rejects.toThrow(file);
});

it('is refused when a byte has changed, and without its hash unless it is of an earlier version', async () => {
  await writeStored(nodeHost, file, counts, { counts: [1, 2] });
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace('2', '3'));
  await expect(read()).rejects.toThrow(/is damaged: its content does not have the hash that it states; count again/);
  const sealed: typeof counts = { ...counts, earlier: [2] };
  const readSealed = () => readStored(nodeHost, file, sealed, 'count again');
  await writeFile(file, stated({ counts: [1] }));
  await expect(readSealed()).rejects.toThrow(/is damaged: it does not state the hash of its content; count again/);
  await writeFile(file, stated({ version: 2, counts: [1] }));
  expect(await readSealed()).toEqual({ counts: [1] });
});

it('is refused with the remedy when there is none', async () => {
  await rm(file, { force: true });
  await expect(read()).rejects.toMatchObject({ kind: 'input', message: `${file} does not exist; count again` });
});
