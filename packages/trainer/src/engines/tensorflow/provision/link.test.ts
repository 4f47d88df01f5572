import { mkdir, mkdtemp, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { linkBinding } from './link.js';

let cache: string;
beforeEach(async () => (cache = await mkdtemp(join(tmpdir(), 'prunegrid-provision-'))));
afterEach(() => rm(cache, { recursive: true, force: true }));

describe('linkBinding', () => {
  it('links, follows the cache to another place and replaces a real folder', async () => {
    const link = join(cache, 'package/lib/napi-v8');
    await mkdir(link, { recursive: true });
    await writeFile(join(link, 'tfjs_binding.node'), 'the stock one');
    for (const place of ['one', 'two', 'two']) {
      await linkBinding(join(cache, 'package'), join(cache, place));
      expect(await readlink(link)).toBe(join(cache, place));
      expect(await readdir(dirname(link))).toEqual(['napi-v8']);
    }
  });

  it('says where it could not be written', async () => {
    await mkdir(join(cache, 'package'));
    await writeFile(join(cache, 'package/lib'), 'a file in the way');
    await expect(linkBinding(join(cache, 'package'), cache)).rejects.toThrow(/^Cannot write .*package\/lib \(E\w+\)/);
  });
});
