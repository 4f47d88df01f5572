import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { inspect, publish } from './entry.js';

let cache: string;
beforeEach(async () => (cache = await mkdtemp(join(tmpdir(), 'prunegrid-provision-'))));
afterEach(() => rm(cache, { recursive: true, force: true }));

describe('entry', () => {
  it('is absent, damaged or complete', async () => {
    const folder = join(cache, 'entry');
    expect(await inspect(folder)).toEqual({ state: 'absent' });
    await writeEntry(folder, 'first');
    expect(await inspect(folder)).toEqual({ state: 'complete' });
    await rm(join(folder, 'binding/tfjs_binding.node'));
    expect(await inspect(folder)).toEqual({ state: 'damaged', reason: 'binding/tfjs_binding.node is missing' });
    for (const text of ['{"files": [', 'null', '1', '[]', '{"files": 1}', '{"files": [null]}']) {
      await writeFile(join(folder, 'manifest.json'), text);
      expect(await inspect(folder), text).toEqual({ state: 'damaged', reason: 'manifest.json cannot be read' });
    }
  });

  it('stays the first published one, unless that is damaged', async () => {
    const folder = join(cache, 'entry');
    const library = join(folder, 'lib/libtensorflow_cc.so.2');
    await writeEntry(folder, 'first');
    await writeEntry(join(cache, 'late'), 'late');
    await publish(join(cache, 'late'), folder);
    expect(await readFile(library, 'utf8')).toBe('first');

    await truncate(library, 1);
    await publish(join(cache, 'late'), folder);
    expect(await readFile(library, 'utf8')).toBe('late');
    expect(await readdir(cache)).toEqual(['entry']);
  });
});

async function writeEntry(folder: string, content: string): Promise<void> {
  const paths = ['lib/libtensorflow_cc.so.2', 'lib/libtensorflow_framework.so.2', 'binding/tfjs_binding.node'];
  const files = paths.map((path) => ({ path, bytes: content.length }));
  for (const path of paths) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  await writeFile(join(folder, 'manifest.json'), JSON.stringify({ files }));
}
