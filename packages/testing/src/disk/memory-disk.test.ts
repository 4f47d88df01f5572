import { describe, expect, it } from 'vitest';

import { VirtualClock } from '../clock/virtual-clock.js';
import { MemoryDisk } from './memory-disk.js';

const ROOT = '/data';

async function diskWithFolder(capacity?: number) {
  const clock = new VirtualClock({ start: 1000 });
  const disk = new MemoryDisk({ clock, ...(capacity !== undefined && { capacity }) });
  await disk.makeFolder(ROOT);
  await disk.syncFolder('/');
  return { clock, disk };
}

async function write(disk: MemoryDisk, path: string, text: string, sync: boolean): Promise<void> {
  const handle = await disk.open(path, 'replace');
  await handle.write(Buffer.from(text), 0);
  if (sync) await handle.sync();
  await handle.close();
}

const textOf = async (disk: MemoryDisk, path: string) => (await disk.read(path)).toString();

describe('a disk in memory', () => {
  it('tells the time of the last change by its clock', async () => {
    const { clock, disk } = await diskWithFolder();
    const modified = async () => (await disk.status(`${ROOT}/file`))?.modified;
    await clock.run(async () => {
      await write(disk, `${ROOT}/file`, 'text', false);
      expect(await modified()).toBe(1000);
      await clock.sleep(10);
      await disk.touch(`${ROOT}/file`);
      expect(await modified()).toBe(1010);
      await clock.sleep(10);
      await write(disk, `${ROOT}/file`, 'new', false);
      expect(await modified()).toBe(1020);
    });
  });

  it('takes what fits when it is full, and more when there is room again', async () => {
    const { disk } = await diskWithFolder(10);
    await write(disk, `${ROOT}/a`, '123456', false);
    const handle = await disk.open(`${ROOT}/b`, 'create');
    await expect(handle.write(Buffer.from('abcdef'), 0)).rejects.toThrow(
      expect.objectContaining({ code: 'ENOSPC', message: 'ENOSPC: no space left on device, write' }),
    );
    expect(await textOf(disk, `${ROOT}/b`)).toBe('abcd');
    await handle.write(Buffer.from('XY'), 0);
    await expect(handle.write(Buffer.from('e'), 4)).rejects.toThrow('ENOSPC');
    await disk.remove(`${ROOT}/a`);
    await handle.write(Buffer.from('ef'), 4);
    expect(await textOf(disk, `${ROOT}/b`)).toBe('XYcdef');
    disk.capacity = Infinity;
    await handle.write(Buffer.alloc(100), 6);
    expect(await handle.size()).toBe(106);
  });

  it('refuses every change when it is read-only, and is read all the same', async () => {
    const { disk } = await diskWithFolder();
    const file = `${ROOT}/file`;
    await write(disk, file, 'text', true);
    const handle = await disk.open(file, 'update');
    disk.readOnly = true;
    const changes = [
      () => handle.write(Buffer.from('x'), 0),
      () => handle.truncate(1),
      () => disk.open(file, 'update'),
      () => disk.open(file, 'replace'),
      () => disk.open(`${ROOT}/other`, 'create'),
      () => disk.makeFolder(`${ROOT}/folder`),
      () => disk.claimFolder(`${ROOT}/folder`),
      () => disk.rename(file, `${ROOT}/other`),
      () => disk.remove(file),
      () => disk.touch(file),
    ];
    for (const change of changes) await expect(change()).rejects.toThrow('EROFS: read-only file system');
    await disk.makeFolder(ROOT);
    await disk.remove(`${ROOT}/missing`);
    expect(await textOf(disk, file)).toBe('text');
    expect(await disk.list(ROOT)).toEqual(['file']);
  });

  it('fails one operation, which changes nothing then', async () => {
    const { disk } = await diskWithFolder();
    const before = disk.operations;
    await write(disk, `${ROOT}/file`, 'text', true);
    // The file is opened, written, synced and closed.
    expect(disk.operations - before).toBe(4);
    disk.failAfter(1);
    await expect(write(disk, `${ROOT}/file`, 'lost', true)).rejects.toThrow('EIO: i/o error, write');
    expect(await textOf(disk, `${ROOT}/file`)).toBe('');
    disk.failAfter(0, 'EACCES');
    await expect(disk.list(ROOT)).rejects.toThrow(expect.objectContaining({ code: 'EACCES', path: ROOT }));
    expect(await disk.list(ROOT)).toEqual(['file']);
  });
});

it('changes a bit of what is stored, and nothing else', async () => {
  const { clock, disk } = await diskWithFolder();
  await write(disk, `${ROOT}/file`, 'abcd', true);
  await disk.syncFolder(ROOT);
  disk.flip(`${ROOT}/file`, 0.5, 1);
  expect(await textOf(disk, `${ROOT}/file`)).toBe('abad');
  expect(await textOf(disk.afterPowerCut({ clock }), `${ROOT}/file`)).toBe('abad');
});

it('takes the time that it is said to take, for each operation', async () => {
  const clock = new VirtualClock();
  const disk = new MemoryDisk({ clock, latency: () => clock.sleep(5) });
  await clock.run(() => write(disk, '/file', 'text', true));
  expect(clock.monotonic()).toBe(20);
});

describe('a power cut', () => {
  it('leaves folders that have just been made', async () => {
    const { clock, disk } = await diskWithFolder();
    await disk.makeFolder(`${ROOT}/runs/one`);
    await disk.claimFolder(`${ROOT}/runs/two`);
    expect(await disk.afterPowerCut({ clock }).list(`${ROOT}/runs`)).toEqual(['one', 'two']);
  });

  it('leaves what was synced, the names apart from the contents', async () => {
    const { clock, disk } = await diskWithFolder();
    await write(disk, `${ROOT}/kept`, 'kept', true);
    await write(disk, `${ROOT}/empty`, 'not synced', false);
    await disk.syncFolder(ROOT);
    await write(disk, `${ROOT}/nameless`, 'synced', true);
    await disk.rename(`${ROOT}/kept`, `${ROOT}/renamed`);
    const after = disk.afterPowerCut({ clock });
    expect(await after.list(ROOT)).toEqual(['empty', 'kept']);
    expect(await textOf(after, `${ROOT}/kept`)).toBe('kept');
    expect(await textOf(after, `${ROOT}/empty`)).toBe('');
    expect(await after.makeTemporaryFolder('x')).toMatch(/x000001$/);
  });

  it('keeps some of what was not synced, in order, the same for the same seed', async () => {
    const { clock, disk } = await diskWithFolder();
    await write(disk, `${ROOT}/journal`, 'synced.', true);
    await disk.syncFolder(ROOT);
    const handle = await disk.open(`${ROOT}/journal`, 'update');
    await handle.write(Buffer.from('first.'), 7);
    await handle.write(Buffer.from('second.'), 13);
    await write(disk, `${ROOT}/new`, 'content', false);
    await disk.rename(`${ROOT}/new`, `${ROOT}/newer`);
    const outcomes = new Map<string, number>();
    const journals = new Set<string>();
    for (let seed = 0; seed < 300; seed++) {
      const after = disk.afterPowerCut({ clock, seed });
      const again = disk.afterPowerCut({ clock, seed });
      const journal = await textOf(after, `${ROOT}/journal`);
      expect('synced.first.second.'.startsWith(journal)).toBe(true);
      expect(journal.length).toBeGreaterThanOrEqual(7);
      expect(await textOf(again, `${ROOT}/journal`)).toBe(journal);
      journals.add(journal);
      const names = (await after.list(ROOT)).join();
      outcomes.set(names, (outcomes.get(names) ?? 0) + 1);
    }
    // Every prefix occurs. A file that is renamed has either the old name or the new one.
    expect(journals.size).toBe(14);
    expect([...outcomes.keys()].sort()).toEqual(['journal', 'journal,new', 'journal,newer']);
  });

  it('lets no later operation return', async () => {
    const { clock, disk } = await diskWithFolder();
    const cut = disk.losePowerAfter(3);
    const steps: string[] = [];
    const writing = (async () => {
      const handle = await disk.open(`${ROOT}/file`, 'create');
      for (const step of ['one', 'two', 'three', 'four']) {
        await handle.write(Buffer.from(step), 0);
        steps.push(step);
      }
    })();
    await clock.run(() => cut);
    await expect(clock.run(() => writing)).rejects.toThrow('Everything waits');
    expect(steps).toEqual(['one', 'two']);
    expect(await disk.afterPowerCut({ clock }).list(ROOT)).toEqual([]);
  });
});
