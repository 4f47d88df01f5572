import type { Hello, Ready } from '@prunegrid/proto';
import { PROTOCOL_VERSION } from '@prunegrid/proto';
import { describe, expect, it } from 'vitest';

import { examineHello, examineReady, JoinRefused, type Requirements } from './admission.js';

const requirements: Requirements = {
  ...{ version: '1', parameters: 4, datasetHash: 'a'.repeat(64) },
  workload: { engine: 'none', model: 'small', dataset: undefined, threads: 1, metrics: [] },
};
const hello: Hello = {
  ...{
    protocolVersion: PROTOCOL_VERSION,
    prunegridVersion: '1',
    host: 'here',
    pid: 1,
    session: '',
    nodeVersion: 'v24',
    instructionSet: 'avx2',
  },
};
const ready: Ready = {
  ...{ engine: 'none', engineVersion: '1', device: 'CPU', memoryBytes: 1, datasetHash: 'a'.repeat(64) },
  ...{ trainingImages: 1, validationImages: 1, testImages: 1, parameters: 4, datasetDescription: '{}' },
};

describe('what a trainer says of itself', () => {
  it('is taken as it is if it is plain', () => {
    expect(examineHello(hello, requirements)).toEqual(hello);
    expect(examineReady(ready, requirements, undefined)).toEqual(ready);
  });

  it('has nothing in it that acts on a terminal, and no text without end', () => {
    const host = 'here\u001b]0;title\u0007\nprunegrid: all is well';
    expect(examineHello({ ...hello, host }, requirements).host).toBe(
      'here\\u001b]0;title\\u0007 prunegrid: all is well',
    );
    expect(examineReady({ ...ready, device: '\u009b2J' }, requirements, undefined).device).toBe('\\u009b2J');
    for (const field of ['host', 'prunegridVersion', 'nodeVersion', 'instructionSet'] as const) {
      expect(() => examineHello({ ...hello, [field]: 'x'.repeat(256) }, requirements)).toThrow(
        `its ${field} has 256 characters`,
      );
    }
    expect(() => examineReady({ ...ready, engine: 'x'.repeat(1 << 20) }, requirements, undefined)).toThrow(JoinRefused);
    expect(() => examineReady({ ...ready, datasetDescription: '{' }, requirements, undefined)).toThrow(/no JSON/);
  });

  it('must be of the data set that the coordinator expects, whoever comes first', () => {
    const other = { ...ready, datasetHash: 'b'.repeat(64) };
    expect(() => examineReady(other, requirements, undefined)).toThrow(/is not the experiment's \(aaaaaaaaaaaa/);
    expect(() => examineReady(other, requirements, other)).toThrow(/the experiment's/);
    const unknown = { ...requirements, datasetHash: undefined };
    expect(examineReady(other, unknown, undefined)).toEqual(other);
    expect(() => examineReady(ready, unknown, other)).toThrow(/is not the first trainer's/);
  });

  it('must have as many examples as the others, and no more than fit anywhere', () => {
    for (const part of ['trainingImages', 'validationImages', 'testImages'] as const) {
      const other = { ...ready, [part]: 7 };
      expect(() => examineReady(other, requirements, ready)).toThrow(/parts of its data set have .*7.* examples/);
      expect(examineReady(other, requirements, undefined)).toEqual(other);
      expect(() => examineReady({ ...ready, [part]: 2 ** 31 }, requirements, undefined)).toThrow(
        'has 2147483648 examples, at most 268435456',
      );
    }
  });
});
