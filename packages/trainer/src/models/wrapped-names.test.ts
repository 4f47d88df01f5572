import { nodeHost } from '@prunegrid/core/node';
import { piecesOf, type Tensor } from '@prunegrid/core/safetensors';
import { expect, it } from 'vitest';

import { fromFile, toFile } from './files.js';
import { initialParameters } from './initial.js';
import { lenet300 } from './lenet300.js';

const parameters = initialParameters(lenet300, 5);
const wrapped = (prefix: string): Map<string, Tensor> =>
  new Map(
    toFile(lenet300, parameters).map(({ name, shape, data }) => [
      prefix + name,
      { shape: [...shape], data: Float32Array.from([...piecesOf(data)].flatMap((piece) => [...piece])) },
    ]),
  );

it.each(['module.', '_orig_mod.', 'model.', 'module._orig_mod.'])(
  'reads a file whose names all begin with %s',
  async (prefix) => {
    const read = await fromFile(nodeHost.clock, lenet300, wrapped(prefix), 'f');
    expect(Buffer.from(read.buffer).equals(Buffer.from(parameters.buffer))).toBe(true);
  },
);

it('takes no prefix off that only some names have', async () => {
  const tensors = new Map([...wrapped('module.'), ['other', { shape: [0], data: new Float32Array(0) }]]);
  await expect(fromFile(nodeHost.clock, lenet300, tensors, 'f')).rejects.toThrow(
    /f: is no lenet300, .*: has no tensor "fc1/,
  );
});
