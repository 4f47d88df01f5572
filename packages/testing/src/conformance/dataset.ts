import { nodeHost } from '@prunegrid/core/node';
import { type Dataset, type DatasetChoice, type DatasetSource, slice, type Split } from '@prunegrid/trainer/datasets';
import { beforeAll, describe, expect, it } from 'vitest';

/**
 * Describes the tests that every data set must pass.
 * @param validation the number of training examples to hold out
 */
export function describeDataset(source: DatasetSource, validation: number): void {
  describe(`data set ${source.name}`, () => {
    const load = (limit?: number) => source.load({ name: source.name, validation, limit }, nodeHost);
    const parts = ['training', 'validation', 'test'] as const;
    const indicesOf = ({ count }: Split) => Uint32Array.from([count - 1, 0, Math.floor(count / 2)]);
    let dataset: Dataset;
    beforeAll(async () => {
      dataset = await load();
    });

    it('has the examples that were asked for', async () => {
      expect(dataset.name).toBe(source.name);
      expect(dataset.validation.count).toBe(validation);
      for (const part of parts) expect(dataset[part].count, part).toBeGreaterThan(0);
      const limited = await load(10);
      expect(parts.map((part) => limited[part].count)).toEqual([10, validation, 10]);
    });

    it('has a hash of its content, the same at each time', async () => {
      expect(dataset.hash).toMatch(/^[0-9a-f]{64}$/);
      expect((await load()).hash).toBe(dataset.hash);
      if (source.hash !== undefined) expect(source.hash).toBe(dataset.hash);
    });

    it.each(parts)('reads examples of its shape, with labels of its classes: %s', async (part) => {
      const split = dataset[part];
      const size = dataset.shape.reduce((product, extent) => product * extent, 1);
      const types = { uint8: Uint8Array, int32: Int32Array, float32: Float32Array };
      const all = await split.read(Uint32Array.from(new Array(Math.min(split.count, 1000)).keys()));
      expect(all.inputs).toBeInstanceOf(types[dataset.elementType]);
      expect(all.inputs).toHaveLength(all.count * size);
      expect(all.labels).toHaveLength(all.count);
      expect(all.labels.every((label) => label >= 0 && label < dataset.classes)).toBe(true);
      expect(new Set(all.labels).size).toBeGreaterThan(1);
    });

    it.each(parts)('reads the same examples in any order, several reads at once: %s', async (part) => {
      const split = dataset[part];
      const size = dataset.shape.reduce((product, extent) => product * extent, 1);
      const indices = indicesOf(split);
      const [together, ...apart] = await Promise.all([
        split.read(indices),
        ...[...indices].map((index) => split.read(Uint32Array.of(index))),
      ]);
      for (const [i, single] of apart.entries()) {
        expect(single.inputs).toEqual(together.inputs.slice(i * size, (i + 1) * size));
        expect(single.labels[0]).toBe(together.labels[i]);
        if (!split.resident) continue;
        const own = slice(split.resident, indices[i], 1);
        expect(single.inputs).toEqual(own.inputs.slice());
        expect(single.labels).toEqual(own.labels.slice());
      }
      await expect(split.read(Uint32Array.of(split.count))).rejects.toThrow(RangeError);
    });

    it('refuses to hold everything out', async () => {
      const { training } = dataset;
      const choice: DatasetChoice = { name: source.name, validation: training.count + validation };
      await expect(source.load(choice, nodeHost)).rejects.toMatchObject({ kind: 'input' });
    });
  });
}
