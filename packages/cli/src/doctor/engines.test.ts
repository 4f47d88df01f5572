import { expect, it } from 'vitest';

import { renderDoctor } from '../tables/doctor.js';
import { devicesIn } from './engines.js';

it('reads the devices that nvidia-smi names', () => {
  expect(devicesIn('0, NVIDIA H200, 143771, 9.0\n1, Tesla V100-SXM2-16GB, 16384, 7.0\n')).toEqual([
    { index: 0, name: 'NVIDIA H200', memoryBytes: 143771 * 2 ** 20, computeCapability: '9.0' },
    { index: 1, name: 'Tesla V100-SXM2-16GB', memoryBytes: 2 ** 34, computeCapability: '7.0' },
  ]);
  expect(devicesIn('NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.\n')).toEqual([]);
  expect(devicesIn('')).toEqual([]);
});

it('prints a line for each finding, and the remedy below it', () => {
  const text = renderDoctor([
    { name: 'ports', state: 'ok', text: 'fine' },
    { name: 'open files', state: 'warning', text: 'at most 64', remedy: 'ulimit -n 256' },
    { name: 'disk', state: 'failed', text: '1 MB free', remedy: 'make room' },
  ]);
  expect(text.split('\n')).toEqual([
    'ok       ports       fine',
    'warning  open files  at most 64',
    '                     remedy: ulimit -n 256',
    'FAILED   disk        1 MB free',
    '                     remedy: make room',
    '',
    '1 ok, 1 to look at, 1 failed',
  ]);
});
