import { expect, it } from 'vitest';

import { instructionSetOf } from './instruction-set.js';

const rome = 'processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu sse4_1 sse4_2 avx f16c fma avx2 sha_ni\n';
const genoa = rome.replace(' sha_ni', ' avx512f avx512dq avx512bw avx512vl avx512_bf16 avx512_vnni');

it.each([
  [rome, 'x64', undefined, 'avx2'],
  [genoa, 'x64', undefined, 'avx512_core_bf16'],
  [genoa, 'x64', 'AVX2', 'avx2'],
  [genoa, 'x64', 'avx512_core', 'avx512_core'],
  [rome, 'x64', 'AVX512_CORE', 'avx2'],
  [genoa, 'x64', 'DEFAULT', 'avx512_core_bf16'],
  ['processor\t: 0\nFeatures\t: fp asimd evtstrm sve\n', 'arm64', undefined, 'sve'],
  ['processor\t: 0\nFeatures\t: fp asimd evtstrm\n', 'arm64', undefined, 'asimd'],
  ['', 'arm64', undefined, 'arm64'],
  ['', 'x64', undefined, 'x64'],
])('names what libraries may use: case %#', (cpuinfo, architecture, limit, expected) => {
  expect(instructionSetOf(cpuinfo, architecture, limit)).toBe(expected);
});
