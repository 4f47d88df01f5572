import { Failure } from '@prunegrid/core/failure';
import { nodeHost } from '@prunegrid/core/node';
import fc from 'fast-check';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { models } from '../index.js';
import { loadModel } from '../load.js';

/**
 * Conv, BatchNormalization, Relu, AveragePool, Shape, Slice, Concat, Reshape, Split, Add, Unsqueeze, Transpose, LSTM,
 * Squeeze, Dropout and Gemm, named conv, norm, relu, pool, shape, slice, join, flat, split, sum, steps, turn, lstm,
 * squeeze, drop and fc, written by the Python package onnx: `x` is [n, 1, 5, 5] and `y` [n, 3].
 */
const file = Buffer.from(
  [
    'CAg6gAsKZgoBeAoLY29udi53ZWlnaHQKCWNvbnYuYmlhcxIBYRoEY29udiIEQ29udioVCgxrZXJuZWxfc2hhcGVAA0ADoAEHKhEKBHBhZHNAAUABQA',
    'FAAaABByoQCgdzdHJpZGVzQAJAAqABBwpBCgFhCghuLndlaWdodAoGbi5iaWFzCgZuLm1lYW4KBW4udmFyEgFiGgRub3JtIhJCYXRjaE5vcm1hbGl6',
    'YXRpb24KEgoBYhIBYxoEcmVsdSIEUmVsdQpUCgFjEgFkGgRwb29sIgtBdmVyYWdlUG9vbCoQCgljZWlsX21vZGUYAaABAioVCgxrZXJuZWxfc2hhcG',
    'VAAkACoAEHKhAKB3N0cmlkZXNAAkACoAEHChQKAWQSAXMaBXNoYXBlIgVTaGFwZQogCgFzCgR6ZXJvCgNvbmUSAnMwGgVzbGljZSIFU2xpY2UKKQoC',
    'czAKBW1pbnVzEgF0GgRqb2luIgZDb25jYXQqCwoEYXhpcxgAoAECChgKAWQKAXQSAWUaBGZsYXQiB1Jlc2hhcGUKLgoBZQoGaGFsdmVzEgJlMRICZT',
    'IaBXNwbGl0IgVTcGxpdCoLCgRheGlzGAGgAQIKFgoCZTEKAmUyEgJlMxoDc3VtIgNBZGQKHwoCZTMKA29uZRICZTQaBXN0ZXBzIglVbnNxdWVlemUK',
    'KgoCZTQSAmU1GgR0dXJuIglUcmFuc3Bvc2UqDwoEcGVybUABQABAAqABBwo6CgJlNQoGbHN0bS53CgZsc3RtLnISABICZTYaBGxzdG0iBExTVE0qEg',
    'oLaGlkZGVuX3NpemUYAqABAgogCgJlNgoEemVybxICZTcaB3NxdWVlemUiB1NxdWVlemUKFwoCZTcSAmU4GgRkcm9wIgdEcm9wb3V0CjQKAmU4Cglm',
    'Yy53ZWlnaHQKB2ZjLmJpYXMSAXkaAmZjIgRHZW1tKg0KBnRyYW5zQhgBoAECEgFnKmEIAggBCAMIAxABQgtjb252LndlaWdodEpIafCwPpFVUj8ML6',
    'k+282mv2fFZz81i+Q+xHUJvyjEFD88qbo+iZiWPsPV6Dxi9Qs/QYg8v97RJr5Y2Pa+/E0ZP6azIj3kvJW+KhkIAhABQgljb252LmJpYXNKCCcrSL+0',
    'roO+KhgIAhABQghuLndlaWdodEoIyGYFPNMbjb4qFggCEAFCBm4uYmlhc0oI4qOlP1jcgD8qFggCEAFCBm4ubWVhbkoIsIMtwDDL8b8qFQgCEAFCBW',
    '4udmFySggAAIA/AACAPyoUCAEQB0IEemVyb0oIAAAAAAAAAAAqEwgBEAdCA29uZUoIAQAAAAAAAAAqFQgBEAdCBW1pbnVzSgj//////////yoeCAIQ',
    'B0IGaGFsdmVzShAEAAAAAAAAAAQAAAAAAAAAKpMBCAEICAgEEAFCBmxzdG0ud0qAAXX3Mr5XKdi+O8VaPqSJXj6sigdAslaOv3JVwb7FvAJAVI4lP4',
    'W+KT/slQO/IfTSv+F7Kz7HQt893xmdv/HnLr+ji5O9Pttxv8RByb2bjMM94MIRPVWcAb/g/xc/hCNkPztGpD6Jd1G/kE07P2BeAL+sEGE/VDCJv4Ya',
    'aj8dXKS8KlIIAQgICAIQAUIGbHN0bS5ySkAB15+/bregvlqaXT1Oq4s+rnB7v2a+jb/jX0w+zvnuvmIocT7fb0I/dwvTvyk/gj47wZw/cFWYvouRT7',
    '8Nk0A/KisIAwgCEAFCCWZjLndlaWdodEoYvsOBPphYZT8dwLC+Oay9v1NN4b2WQ+S+KhsIAxABQgdmYy5iaWFzSgyfe0Y/sEdGPqu/0L9aHAoBeBIX',
    'ChUIARIRCgMSAW4KAggBCgIIBQoCCAViFAoBeRIPCg0IARIJCgMSAW4KAggDQgQKABAR',
  ].join(''),
  'base64',
);

let folder: string;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'prunegrid-bad-'))));
afterAll(() => rm(folder, { recursive: true }));

async function load(bytes: Buffer, name = 'net.onnx'): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return loadModel(path, nodeHost);
}

/** Replaces text by other text of the same length. */
const replaced = (from: string, to: string) => {
  expect(to).toHaveLength(from.length);
  const at = file.indexOf(from, 0, 'latin1');
  expect(at, from).toBeGreaterThanOrEqual(0);
  return Buffer.concat([file.subarray(0, at), Buffer.from(to, 'latin1'), file.subarray(at + from.length)]);
};

/** The protobuf field that holds an int64 of a shape: number 1 as a varint, or number 8. */
const dims = (...values: number[]) => String.fromCharCode(...values.flatMap((value) => [0x08, value]));

it('the file is read as it stands', async () => {
  expect(models.get(await load(file))).toMatchObject({ classes: 3, input: { shape: [5, 5, 1] }, size: 85 });
});

describe('a bad ONNX file is refused in one line', () => {
  const picture = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52]);
  it.each([
    ['empty', () => Buffer.alloc(0), /net\.onnx: is no ONNX file: /],
    ['a picture', () => picture, /net\.onnx: is no ONNX file: it is a picture; /],
    ['cut off', () => file.subarray(0, 700), /net\.onnx: is cut off or damaged; copy it or export it again/],
    ['an unknown operator', () => replaced('\x04Relu', '\x04Rela'), /operators that are not supported: Rela \(relu\)/],
    ['a cycle', () => replaced('\x0a\x01d\x12\x01s', '\x0a\x01t\x12\x01s'), /form a cycle through shape, slice, join/],
    [
      'a value that nothing computes',
      () => replaced('\x0a\x01c\x12\x01d', '\x0a\x01q\x12\x01d'),
      /node pool reads q, which/,
    ],
    ['a value with two makers', () => replaced('\x0a\x01b\x12\x01c', '\x0a\x01b\x12\x01a'), /a is computed twice/],
    [
      'a tensor that has another shape',
      () => replaced(dims(2, 1, 3, 3), dims(3, 1, 3, 3)),
      /conv\.weight of shape \[3, 1, 3, 3\] has 18/,
    ],
    [
      'an absurd tensor',
      () => replaced(dims(2, 1, 3, 3), dims(127, 127, 127, 127)),
      /conv\.weight of shape \[127, 127, 127/,
    ],
    [
      'a layer that does not fit',
      () => replaced('hidden_size\x18\x02', 'hidden_size\x18\x7f'),
      /node lstm \(LSTM\): says hidden_size 127/,
    ],
    [
      'a name with line ends',
      () => replaced('\x0a\x01c\x12\x01d', '\x0a\x01\n\x12\x01d'),
      /node pool reads {2}, which nothing/,
    ],
  ])('%s', async (_what, bytes, message) => {
    const error = await load(bytes()).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Failure);
    expect((error as Failure).message).toMatch(message);
    expect((error as Failure).message).not.toContain('\n');
  });

  it('a folder, and a file that is not there', async () => {
    await mkdir(join(folder, 'folder.onnx'));
    await expect(loadModel(join(folder, 'folder.onnx'), nodeHost)).rejects.toThrow('folder.onnx: is no file: name the');
    await expect(loadModel(join(folder, 'none.onnx'), nodeHost)).rejects.toThrow('none.onnx: there is no such file');
  });

  it('whichever bytes are changed, and wherever it ends', async () => {
    const change = fc.record({ at: fc.nat(file.length - 1), byte: fc.integer({ min: 0, max: 255 }) });
    const changed = fc.tuple(fc.array(change, { maxLength: 3 }), fc.option(fc.nat(file.length), { freq: 3 }));
    await fc.assert(
      fc.asyncProperty(changed, async ([changes, end]) => {
        const bytes = Buffer.from(file);
        for (const { at, byte } of changes) bytes[at] = byte;
        const error = await load(bytes.subarray(0, end ?? file.length)).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        if (error === undefined) return;
        expect(error).toBeInstanceOf(Failure);
        expect((error as Failure).message).toMatch(/^\/[^\n]{1,1100}$/);
        // Whatever is no Failure by itself is a case that the reader has not thought of.
        expect((error as Failure).message).not.toContain('net.onnx: is damaged, or cannot be read: ');
      }),
      { numRuns: 400 },
    );
  });
});

it.each([
  ['../weights.bin', /conv\.weight is in "\.\.\/weights\.bin", which is not in the folder of the model/],
  ['/etc/passwd', /conv\.weight is in "\/etc\/passwd", which is not in the folder of the model/],
  ['none.bin', /needs \/.*none\.bin, which holds tensor conv\.weight: put it beside the model/],
  ['short.bin', /conv\.weight of shape \[2, 1, 3, 3\] has 17 elements instead of 18/],
])('data in the file %s are refused', async (location, message) => {
  await writeFile(join(folder, 'short.bin'), Buffer.alloc(68));
  // The values give way to the place of external data: entries of key and value in field 13, and data_location.
  const entry = Buffer.concat([
    Buffer.from([0x0a, 8]),
    Buffer.from('location'),
    Buffer.from([0x12, location.length]),
    Buffer.from(location),
  ]);
  const values = file.indexOf(Buffer.from('conv.weightJH', 'latin1')) + 11;
  const place = Buffer.concat([Buffer.from([0x6a, entry.length]), entry, Buffer.from([0x70, 1])]);
  // What is left of the 74 bytes of values is a text that says nothing.
  const filling = 74 - place.length - 2;
  const bytes = Buffer.from(file);
  Buffer.concat([place, Buffer.from([0x62, filling]), Buffer.alloc(filling, 0x20)]).copy(bytes, values);
  await expect(load(bytes)).rejects.toThrow(message);
});
