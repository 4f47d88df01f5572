import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { nodeHost } from '@prunegrid/core/node';
import { loadDataset } from '@prunegrid/trainer/datasets';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { prunegrid, sha256, temporaryFolder } from './environment/cli.js';
import { ensurePython } from './environment/python.mjs';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let python: (script: string) => Promise<unknown>;
beforeAll(async () => {
  folder = await temporaryFolder();
  const { python: interpreter } = await ensurePython();
  python = (script) => promisify(execFile)(interpreter, ['-c', script], { cwd: folder.path });
});
afterAll(() => folder.remove());

describe('the example of docs/experiments.md', () => {
  const page = readFileSync(fileURLToPath(new URL('../docs/experiments.md', import.meta.url)), 'utf8');
  const shown = (language: string) => new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, 'm').exec(page)?.[1] ?? '';
  const out = (name: string) => join(folder.path, name);
  const run = (name: string, ...flags: string[]) =>
    prunegrid('run', join(folder.path, 'bars.yaml'), '--out', out(name), ...flags);

  it('runs as it stands, from any folder, with the same bits on one trainer and on two', async () => {
    await python(shown('python'));
    writeFileSync(join(folder.path, 'bars.yaml'), shown('yaml'));
    const two = await run('two');
    expect(`${two.code}: ${two.stderr}`).toBe('0: ');
    expect(two.stdout).toContain(
      'data: 1,400 train, 200 held out (drawn from 2,000 by seed 1), 400 test (drawn from 2,000 by seed 1)\n',
    );
    expect(two.stdout).not.toContain('MNIST');
    expect(await run('one', '--trainers', '1')).toMatchObject({ code: 0 });
    expect(sha256(join(out('one'), 'model.safetensors'))).toBe(sha256(join(out('two'), 'model.safetensors')));
    const { dataset, spec } = JSON.parse(readFileSync(join(out('two'), 'manifest.json'), 'utf8')) as {
      dataset: Record<string, unknown>;
      spec: { dataset: Record<string, unknown> };
    };
    expect(dataset).toEqual({
      name: join(folder.path, 'bars.npz'),
      sha256: spec.dataset['sha256'],
      examples: { training: 1400, validation: 200, test: 400 },
      shape: [28, 28, 1],
      classes: 10,
      values: { type: 'uint8', divide: 255, mean: [0.25], std: [0.15] },
      covers: 'content',
      origin: { validation: 'drawn from 2,000 by seed 1', test: 'drawn from 2,000 by seed 1' },
    });
    const { dense } = JSON.parse(readFileSync(join(out('two'), 'result.json'), 'utf8')) as {
      dense: { testAccuracy: number };
    };
    expect(dense.testAccuracy).toBeGreaterThan(0.8);
  });

  it('is evaluated on its own test part, and not on other data', async () => {
    const evaluated = await prunegrid('evaluate', out('two'));
    expect(evaluated.stdout).toMatch(/test accuracy +[\d.]+ % of 400 images/);
    await python(shown('python').replace('default_rng(1)', 'default_rng(2)'));
    const { code, stderr } = await prunegrid('evaluate', out('two'));
    expect(code).toBe(2);
    expect(stderr).toContain('bars.npz: holds other data (SHA-256 ');
  });
});

it('reads what NumPy writes: every type, order of bytes and order of axes, packed or not', async () => {
  await python(`
import numpy as np
values = np.arange(24).reshape(4, 2, 3)
for code in ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]:
    for order in "<>":
        for layout in "CF":
            x = np.array(values, dtype=order + code, order=layout)
            save = np.savez if layout == "C" else np.savez_compressed
            save(f"{code}{'l' if order == '<' else 'b'}{layout}.npz", x=x, y=np.eye(3)[[0, 1, 2, 0]])
np.savez("object.npz", x=np.array([{}, 1], dtype=object), y=np.arange(2))
`);
  for (const code of ['u1', 'i1', 'u2', 'i2', 'u4', 'i4', 'u8', 'i8', 'f2', 'f4', 'f8']) {
    for (const variant of ['lC', 'lF', 'bC', 'bF']) {
      const name = join(folder.path, `${code}${variant}.npz`);
      const { training, classes } = await loadDataset({ name, validation: 1, test: 1 }, nodeHost);
      expect([classes, ...training.resident!.inputs], name).toEqual([3, ...new Array(12).keys()]);
    }
  }
  const name = join(folder.path, 'object.npz');
  await expect(loadDataset({ name, validation: 1 }, nodeHost)).rejects.toThrow('holds Python objects as a pickle');
});
