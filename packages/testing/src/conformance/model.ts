import { sizeOf } from '@prunegrid/numerics/shape';
import { INPUT, initialParameters, type Model, type Ops } from '@prunegrid/trainer/models';
import { afterAll, describe, expect, it } from 'vitest';

/**
 * Describes the tests that every model must pass.
 * @param tf TensorFlow.js, which computes the model in these tests
 */
export function describeModel(model: Model, tf: Ops): void {
  describe(`model ${model.name}`, () => {
    const batch = 3;
    const inputSize = sizeOf(model.input.shape);
    const values = Array.from({ length: batch * inputSize }, (_, i) =>
      model.input.type === 'int32' ? i % 2 : ((7 * i) % 11) / 10,
    );

    // The initial weights of large models take a second.
    const drawn = new Map<number, Float32Array>();
    const initial = (seed: number): Float32Array => {
      const weights = drawn.get(seed) ?? initialParameters(model, seed);
      drawn.set(seed, weights);
      return weights;
    };
    afterAll(() => drawn.clear());

    /** Returns the logits [batch * classes] and the states of a forward pass with the given dropout. */
    function forward(seed: number, dropout?: (units: number) => number): { logits: number[]; states: number[][] } {
      return tf.tidy(() => {
        const weights = initial(seed);
        const parameters = model.parameters.map(({ shape, offset, size }) =>
          tf.tensor(weights.subarray(offset, offset + size), shape),
        );
        const inputs = tf.tensor(values, [batch, ...model.input.shape], model.input.type);
        const factors = model.dropouts.map(({ shape }) => {
          const units = sizeOf(shape);
          return tf.tensor(
            Float32Array.from({ length: batch * units }, (_, i) => dropout?.(i % units) ?? 1),
            [batch, ...shape],
          );
        });
        const { logits, states = [] } = model.forward(tf, parameters, inputs, dropout && { dropout: factors });
        expect(logits.shape).toEqual([batch, model.classes]);
        return { logits: [...logits.dataSync()], states: states.map((state) => [...state.dataSync()]) };
      });
    }

    it('lays its parameters out without gaps, under names of their own', () => {
      const names = model.parameters.map(({ name }) => name);
      expect(new Set(names).size).toBe(names.length);
      let offset = 0;
      for (const parameter of model.parameters) {
        expect(parameter.offset, parameter.name).toBe(offset);
        expect(parameter.size, parameter.name).toBe(sizeOf(parameter.shape));
        offset += parameter.size;
      }
      expect(model.size).toBe(offset);
    });

    it('lists its layers with their weights, each behind those that it reads', () => {
      expect(model.layers.length).toBeGreaterThan(0);
      const weights = model.parameters.filter(({ kind }) => kind === 'weight');
      expect(model.layers.map(({ name, weights: count }) => [name, count])).toEqual(
        weights.map(({ layer, size }) => [layer, size]),
      );
      const before = new Set([INPUT]);
      for (const { name, kind, reads = [INPUT] } of model.layers) {
        expect(reads.length, name).toBeGreaterThan(0);
        for (const read of reads) expect(before.has(read), `${name} reads ${read}`).toBe(true);
        before.add(name);
        const { shape } = weights.find(({ layer }) => layer === name)!;
        expect(shape, name).toHaveLength(kind === 'dense' ? 2 : 4);
      }
    });

    it('draws initial weights that depend on the seed alone', () => {
      const [first, again, other] = [initial(1), initialParameters(model, 1), initial(2)];
      // The arrays are compared as bytes, because a comparison of elements takes seconds.
      const same = (a: Float32Array, b: Float32Array) => Buffer.compare(bytesOf(a), bytesOf(b)) === 0;
      expect(same(again, first)).toBe(true);
      expect(first.every(Number.isFinite)).toBe(true);
      for (const { kind, offset, size, name } of model.parameters) {
        if (kind !== 'weight') continue;
        expect(same(other.subarray(offset, offset + size), first.subarray(offset, offset + size)), name).toBe(false);
      }
    });

    it('computes finite logits, the same at each pass', () => {
      const { logits } = forward(1);
      expect(logits.every(Number.isFinite)).toBe(true);
      expect(forward(1).logits).toEqual(logits);
      expect(forward(2).logits).not.toEqual(logits);
    });

    it('renews each of its states in a training pass, and none without', () => {
      const states = model.parameters.filter(({ kind }) => kind === 'state');
      expect(forward(1).states).toEqual([]);
      expect(forward(1, () => 1).states.map(({ length }) => length)).toEqual(states.map(({ size }) => size));
    });

    it('drops units where its dropouts say, each under a name of its own', () => {
      const names = model.dropouts.map(({ name }) => name);
      expect(new Set(names).size).toBe(names.length);
      if (names.length === 0) return;
      const { logits } = forward(1, () => 1);
      expect(forward(1, (unit) => (unit % 2 === 0 ? 0 : 2)).logits).not.toEqual(logits);
    });
  });
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array) => new Uint8Array(buffer, byteOffset, byteLength);
