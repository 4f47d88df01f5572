import { MemoryDisk } from '@prunegrid/testing/disk';
import { dirname } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';

import { findAccelerator } from './accelerator.js';
import { pluginFile } from './provision.js';
import { cudaPlugins } from './releases.js';

const [cuda13, cuda12] = cudaPlugins;

// The disk is one of a machine with a driver; what the driver does is not imitated.
describe('the accelerator', () => {
  let disk: MemoryDisk;
  beforeEach(() => {
    disk = new MemoryDisk({ clock: { now: () => 0 } });
  });

  async function put(path: string, text: string): Promise<void> {
    await disk.makeFolder(dirname(path));
    const file = await disk.open(path, 'replace');
    await file.write(Buffer.from(text), 0);
    await file.close();
  }
  const driver = async (line: string) => {
    await put('/dev/nvidiactl', '');
    await put('/proc/driver/nvidia/version', `NVRM version: ${line}\nGCC version:  gcc version 12.3.0\n`);
  };
  const find = (variables = {}) => findAccelerator(disk, variables);

  it('is none on a machine without a driver, or without a device', async () => {
    expect(await find()).toMatchObject({ driver: undefined, installed: undefined, fitting: { name: 'cpu' } });
    await put('/proc/driver/nvidia/version', 'NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun\n');
    expect(await find()).toMatchObject({ driver: undefined, fitting: { name: 'cpu' } });
    await put('/dev/nvidiactl', '');
    await put('/proc/driver/nvidia/version', 'nothing that is known');
    expect(await find()).toMatchObject({ driver: undefined });
  });

  it.each([
    ['NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 13 2025', '580.65.06', 13, 'cuda13'],
    ['NVIDIA UNIX Open Kernel Module for x86_64  590.12  Release Build', '590.12', 13, 'cuda13'],
    ['NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 2024', '550.54.15', 12, 'cuda12'],
    ['NVIDIA UNIX x86_64 Kernel Module  470.82.01  Wed Oct 27 2021', '470.82.01', 11, 'cpu'],
  ])('is known by the driver: %s', async (line, version, cuda, fitting) => {
    await driver(line);
    expect(await find()).toMatchObject({ driver: { version, cuda }, installed: undefined, fitting: { name: fitting } });
  });

  it('has the newest installed plugin that the driver runs', async () => {
    await put(pluginFile(cuda12, disk.cacheFolder()), '');
    expect((await find()).installed).toBeUndefined();
    await driver('NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun');
    expect((await find()).installed).toBe(cuda12);
    await put(pluginFile(cuda13, disk.cacheFolder()), '');
    expect((await find()).installed).toBe(cuda13);
    await driver('NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue');
    expect((await find()).installed).toBe(cuda12);
  });

  it('has the plugin that the user names', async () => {
    expect((await find({ PRUNEGRID_XLA_PLUGIN: '/opt/plugin.so' })).named).toBe('/opt/plugin.so');
    expect((await find({ PRUNEGRID_XLA_PLUGIN: '' })).named).toBeUndefined();
  });
});
