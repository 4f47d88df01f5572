import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { TensorAssembler } from './assembler.js';
import {
  decodeFromCoordinator,
  decodeFromTrainer,
  encodeFromTrainer,
  encodePieces,
  encodeTensor,
  FrameError,
} from './frame.js';
import { FromCoordinator, FromTrainer, TensorKind } from './generated/prunegrid/v1/coordination.js';

const header = { kind: TensorKind.GRADIENT, generation: 3, step: 70_000, node: 5 };
const tensor = Float32Array.from({ length: 1000 }, (_, i) => Math.sin(i));
const chunkOf = (frame: Buffer) => {
  const body = decodeFromTrainer(frame);
  if (body.$case !== 'chunk') throw new Error(body.$case);
  return body.value;
};

describe('tensor chunks', () => {
  it('survive encoding, cutting and assembling', () => {
    const received = new TensorAssembler(new Float32Array(tensor.length));
    const complete = [...encodeTensor(header, tensor, 256)].map((frame) => received.add(chunkOf(frame)));
    expect(received.tensor).toEqual(tensor);
    expect(complete).toEqual([...new Array<boolean>(15).fill(false), true]);
  });

  it('are the protobuf that the generated code reads and writes', () => {
    for (const frame of encodeTensor(header, tensor, 1024)) {
      const { body } = FromTrainer.decode(frame);
      expect(body).toEqual({ $case: 'chunk', value: { ...chunkOf(frame), data: expect.any(Buffer) as Buffer } });
      expect(chunkOf(Buffer.from(FromTrainer.encode({ body }).finish()))).toEqual(chunkOf(frame));
      expect(FromCoordinator.decode(frame).body?.$case).toBe('chunk');
    }
  });

  it('of a tensor in pieces are assembled to the whole', () => {
    const pieces = [tensor.subarray(0, 100), tensor.subarray(100, 100), tensor.subarray(100)];
    const received = new TensorAssembler(new Float32Array(tensor.length));
    for (const frame of encodePieces(header, tensor.length, pieces, 256)) received.add(chunkOf(frame));
    expect(received.tensor).toEqual(tensor);
  });

  it.each([
    ['an empty tensor', encodeTensor(header, new Float32Array(0))],
    ['no pieces', encodePieces(header, 0, [])],
  ])('of %s arrive too', (_, frames) => {
    const [frame, ...more] = frames;
    expect(more).toEqual([]);
    expect(new TensorAssembler(new Float32Array(0)).add(chunkOf(frame))).toBe(true);
  });

  it('are refused when one bit of the data flips', () => {
    const [frame] = encodeTensor(header, tensor);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: tensor.byteLength * 8 - 1 }), (bit) => {
        const damaged = Buffer.from(frame);
        damaged[damaged.length - 1 - (bit >> 3)] ^= 1 << (bit & 7);
        expect(() => decodeFromTrainer(damaged)).toThrow(/CRC mismatch/);
      }),
    );
  });

  it('are refused out of order, twice or for a tensor of another length', () => {
    const [first, second] = [...encodeTensor(header, tensor, 256)].map(chunkOf);
    const assembler = new TensorAssembler(new Float32Array(tensor.length));
    expect(() => assembler.add(second)).toThrow(/where element 0 is due/);
    assembler.add(first);
    expect(() => assembler.add(first)).toThrow(FrameError);
    expect(() => new TensorAssembler(new Float32Array(999)).add(first)).toThrow(/1000 elements .* where 999 are due/);
  });
});

describe('decoding', () => {
  it('answers arbitrary bytes with a message or a FrameError, nothing else', () => {
    const valid = [...encodeTensor(header, tensor.subarray(0, 20))][0];
    const hello = encodeFromTrainer({
      $case: 'hello',
      value: {
        protocolVersion: 1,
        prunegridVersion: '1',
        host: 'h',
        pid: 1,
        nodeVersion: 'v',
        session: '',
        instructionSet: 'i',
      },
    });
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.tuple(fc.constantFrom(valid, hello), fc.nat(150), fc.nat(255)).map(([frame, at, byte]) => {
        const changed = Uint8Array.from(frame);
        changed[at % changed.length] = byte;
        return changed;
      }),
      fc
        .tuple(fc.constantFrom(valid, hello), fc.nat(150))
        .map(([frame, end]) => Uint8Array.from(frame.subarray(0, end))),
    );
    fc.assert(
      fc.property(bytes, (input) => {
        for (const decode of [decodeFromTrainer, decodeFromCoordinator]) {
          try {
            decode(Buffer.from(input));
          } catch (error) {
            expect(error).toBeInstanceOf(FrameError);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });
});
