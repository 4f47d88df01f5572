import { expect, it } from 'vitest';

import { gpusOf } from './gpus.js';

const devices = ['null', 'nvidia0', 'nvidia2', 'nvidiactl', 'nvidia-uvm'];

it.each<[string | undefined, string[]]>([
  // CUDA counts those that there are, whatever the driver calls them.
  [undefined, ['0', '1']],
  ['', []],
  ['-1', []],
  ['3', ['3']],
  ['2, 0', ['2', '0']],
  ['1,-1,0', ['1']],
  ['GPU-8932f937-d72c-4106-c12f-20bd9faed9f6,MIG-5', ['GPU-8932f937-d72c-4106-c12f-20bd9faed9f6', 'MIG-5']],
])('CUDA_VISIBLE_DEVICES=%s chooses GPUs', (chosen, expected) => {
  expect(gpusOf(chosen, devices)).toEqual(expected);
});

it('there are none without a driver', () => {
  expect(gpusOf(undefined, ['null'])).toEqual([]);
});
