import { homedir } from 'node:os';

import { cacheFolder } from '@prunegrid/core/cache-folder';
import { beforeAll, describe, expect, it } from 'vitest';

import { loadAddon } from './addon.js';
import { createClient, type PjrtClient } from './client.js';
import { PjrtError } from './error.js';
import { provideAddon, providePlugin } from './provision.js';
import { cpuPlugin } from './releases.js';

const environment = { env: process.env };

/** Adds its two inputs, and gives the memory of the first one to the result. */
const SUM = `module @sum {
  func.func public @main(%a: tensor<3xf32> {tf.aliasing_output = 0 : i32}, %b: tensor<3xf32>) -> tensor<3xf32> {
    %sum = stablehlo.add %a, %b : tensor<3xf32>
    return %sum : tensor<3xf32>
  }
}`;

/** Counts to a hundred million, so that it takes some time. */
const COUNT = `module @count {
  func.func public @main(%start: tensor<i32>) -> tensor<i32> {
    %one = stablehlo.constant dense<1> : tensor<i32>
    %end = stablehlo.constant dense<100000000> : tensor<i32>
    %last = stablehlo.while(%i = %start) : tensor<i32>
    cond {
      %more = stablehlo.compare LT, %i, %end : (tensor<i32>, tensor<i32>) -> tensor<i1>
      stablehlo.return %more : tensor<i1>
    } do {
      %next = stablehlo.add %i, %one : tensor<i32>
      stablehlo.return %next : tensor<i32>
    }
    return %last : tensor<i32>
  }
}`;

describe.skipIf(process.platform !== 'linux' || process.arch !== 'x64')("XLA's plugin for CPUs", () => {
  let client: PjrtClient;
  beforeAll(async () => {
    const cache = cacheFolder(process.env, homedir());
    const addon = loadAddon(await provideAddon(cache, () => undefined, environment));
    const plugin = await providePlugin(cpuPlugin, cache, () => undefined, environment);
    client = await createClient(addon, plugin, { cpu_device_count: 2 });
  }, 300_000);
  const put = (...values: number[]) => client.put(Float32Array.from(values), 'float32', [values.length]);

  it('says what it is', () => {
    expect(client.platform).toBe('cpu');
    expect(client.devices).toHaveLength(2);
    expect(client.apiVersion).toMatch(/^0[.]\d+$/);
  });

  it('copies to each device and back', async () => {
    const values = Int32Array.of(1, -2, 3, 4, 5, 6);
    const buffer = await client.put(values, 'int32', [2, 3], 1);
    expect(await buffer.read(new Int32Array(6))).toEqual(values);
    await expect(buffer.read(new Int32Array(5))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(client.put(values, 'int32', [2, 3], 2)).rejects.toThrow('there is no device 2');
  });

  it('runs a program, which takes the memory of an input unless it is kept', async () => {
    const executable = await client.compile(SUM);
    const [a, b] = [await put(1, 2, 3), await put(10, 20, 30)];
    const [kept] = await executable.execute([a, b], { keep: true });
    const [sum] = await executable.execute([a, b]);
    for (const each of [kept, sum]) expect(await each.read(new Float32Array(3))).toEqual(Float32Array.of(11, 22, 33));
    await expect(a.read(new Float32Array(3))).rejects.toBeInstanceOf(PjrtError);
    expect(await b.read(new Float32Array(3))).toEqual(Float32Array.of(10, 20, 30));
  });

  it('saves an executable and loads it', async () => {
    const bytes = (await client.compile(SUM)).serialize();
    const loaded = await client.load(bytes);
    const [sum] = await loaded.execute([await put(1, 2, 3), await put(1, 1, 1)]);
    expect(await sum.read(new Float32Array(3))).toEqual(Float32Array.of(2, 3, 4));
  });

  it('leaves the event loop free while it computes', async () => {
    const executable = await client.compile(COUNT);
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const [last] = await executable.execute([await client.put(Int32Array.of(0), 'int32', [])]);
    expect(await last.read(new Int32Array(1))).toEqual(Int32Array.of(100_000_000));
    clearInterval(timer);
    expect(turns).toBeGreaterThan(3);
  });

  it('throws typed errors', async () => {
    await expect(client.compile('module { nonsense }')).rejects.toThrow(PjrtError);
    const executable = await client.compile(SUM);
    await expect(executable.execute([await put(1, 2, 3)])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    const [a, b] = [await put(1, 2, 3), await put(1, 2, 3)];
    b.release();
    b.release();
    await expect(executable.execute([a, b])).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      message: 'the buffer was released',
    });
    executable.release();
    await expect(executable.execute([a, a])).rejects.toThrow('the executable was released');
  });

  it('refuses what is no plugin', async () => {
    const addon = loadAddon(await provideAddon(cacheFolder(process.env, homedir()), () => undefined, environment));
    await expect(createClient(addon, '/nowhere/plugin.so')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
