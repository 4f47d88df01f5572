import { type Finding, verifyFolder } from '@prunegrid/coordinator/verify';
import type { Host } from '@prunegrid/core/runtime';
import { beforeAll, describe, expect, it } from 'vitest';

import { SimulatedCluster } from './simulation/cluster.js';
import { readers, storedFiles } from './simulation/stored-files.js';

/** The number of flips in each file, at places that are spread evenly over it. */
const FLIPS = 4000;

/** By their paths. */
let stored: Map<string, Buffer>;
beforeAll(async () => {
  stored = await storedFiles();
});

describe('a byte that has changed in a stored file', () => {
  it('is found wherever it is', async () => {
    let flips = 0;
    for (const [path, content] of stored) {
      const folder = path.startsWith('/runs') ? '/runs/one' : '/sweeps/one';
      const name = path.slice(folder.length + 1);
      const read = readers[name];
      const host = new SimulatedCluster({ seed: 3 }).runtime;
      await host.files.makeFolder(`${folder}/checkpoints`);
      const handle = await host.files.open(path, 'create');
      await handle.write(content, 0);
      await expect(read(host, folder), path).resolves.toBeDefined();
      const step = Math.max(1, content.length / FLIPS);
      const missed: number[] = [];
      for (let at = 0; at < content.length; at += step) {
        const position = Math.floor(at);
        const changed = Buffer.of(content[position] ^ (1 << (flips++ % 8)));
        await handle.write(changed, position);
        await read(host, folder).then(
          () => missed.push(position),
          () => undefined,
        );
        await handle.write(content.subarray(position, position + 1), position);
      }
      const shown = missed.map((position) => content.toString('latin1', Math.max(0, position - 20), position + 20));
      expect(shown, path).toEqual([]);
    }
    expect(flips).toBeGreaterThan(10_000);
  }, 240_000);
});

describe('prunegrid verify', () => {
  const files = async () => {
    const { runtime } = new SimulatedCluster({ seed: 4 });
    await runtime.files.makeFolder('/runs/one/checkpoints');
    for (const [path, content] of stored) {
      if (!path.startsWith('/runs')) continue;
      const handle = await runtime.files.open(path, 'create');
      await handle.write(content, 0);
      await handle.close();
    }
    return runtime;
  };
  const verified = async (host: Host) => {
    const findings: Finding[] = [];
    await verifyFolder(host, '/runs/one', (finding) => findings.push(finding));
    return findings;
  };
  const change = async (host: Host, path: string, edit: (content: Buffer) => Buffer) => {
    const content = edit(await host.files.read(path));
    const handle = await host.files.open(path, 'replace');
    await handle.write(content, 0);
    await handle.close();
  };

  it('finds nothing wrong with what is whole, and names each file that is not', async () => {
    const host = await files();
    const whole = await verified(host);
    expect(whole.length).toBeGreaterThan(6);
    expect(whole.filter(({ problem }) => problem !== undefined)).toEqual([]);
    const flip = (content: Buffer) => ((content[content.length >> 1] ^= 1), content);
    const harmed = ['manifest.json', 'model.safetensors', 'journal.jsonl'].map((name) => `/runs/one/${name}`);
    for (const path of harmed) await change(host, path, flip);
    const damaged = (await verified(host)).filter(({ problem }) => problem !== undefined);
    expect(damaged.map(({ file, repair }) => [file, repair]).sort()).toEqual(
      harmed.map((path) => [path, undefined]).sort(),
    );
    await expect(verifyFolder(host, '/runs', () => undefined)).rejects.toThrow(/neither a run nor a sweep/);
  });

  it('cuts off a torn last line, and sets a damaged snapshot aside', async () => {
    const host = await files();
    const snapshot = '/runs/one/checkpoints/snapshot-a.safetensors';
    const damaged = Buffer.from('no snapshot');
    await change(host, '/runs/one/journal.jsonl', (content) => content.subarray(0, -7));
    await change(host, snapshot, () => damaged);
    const repaired = (await verified(host)).filter(({ problem }) => problem !== undefined);
    expect(repaired.map(({ repair }) => repair)).toEqual([
      'set aside as snapshot-a.safetensors.damaged; resume takes what was saved before',
      expect.stringMatching(/^\d+ bytes were cut off/),
    ]);
    expect((await verified(host)).filter(({ problem }) => problem !== undefined)).toEqual([]);
    expect(await host.files.read(`${snapshot}.damaged`)).toEqual(damaged);
  });
});
