import fc from 'fast-check';

/** A change of a file's bytes. `at` is a place as a share of the file's length. */
type Edit =
  | { kind: 'flip'; at: number; bit: number }
  | { kind: 'set'; at: number; bytes: Uint8Array }
  | { kind: 'insert'; at: number; bytes: Uint8Array }
  | { kind: 'cut'; at: number; length: number }
  | { kind: 'end'; at: number }
  | { kind: 'repeat'; at: number; length: number; times: number };

const at = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const length = fc.integer({ min: 1, max: 64 });

/** Numbers at which readers of binary files break: the ends of the ranges of lengths and counts. */
const extremes = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff].map((value) => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
});
/** Pieces at which readers of text break. */
const pieces = [
  ...[
    '{',
    '}',
    '[',
    ']',
    '"',
    ',',
    ':',
    '\n',
    '\0',
    '\u001b[2J',
    '\r',
    '-',
    '0',
    '1e999',
    '-1',
    'null',
    'NaN',
    '99999',
  ],
  ...['__proto__', '../', '/', '&a', '*a', '<<: ', '!!js ', "'", '\ud800', '\u202e', '\ufeff', '%', '  '],
].map((text) => new Uint8Array(Buffer.from(text)));
const bytes = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 8 }),
  fc.constantFrom(...extremes),
  fc.constantFrom(...pieces),
);

const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at, bit: fc.integer({ min: 0, max: 7 }) }),
  fc.record({ kind: fc.constant('set' as const), at, bytes }),
  fc.record({ kind: fc.constant('insert' as const), at, bytes }),
  fc.record({ kind: fc.constant('cut' as const), at, length }),
  fc.record({ kind: fc.constant('end' as const), at }),
  fc.record({ kind: fc.constant('repeat' as const), at, length, times: fc.integer({ min: 1, max: 200 }) }),
);

/** Some changes, one after the other. */
export const edits: fc.Arbitrary<Edit[]> = fc.array(edit, { minLength: 1, maxLength: 6 });

/** Returns the changed bytes of a file. */
export const edited = (file: Uint8Array, all: readonly Edit[]): Buffer => all.reduce(changed, Buffer.from(file));

function changed(file: Buffer, change: Edit): Buffer {
  const place = Math.floor(change.at * file.length);
  const before = file.subarray(0, place);
  switch (change.kind) {
    case 'flip': {
      const copy = Buffer.from(file);
      if (copy.length > 0) copy[place] ^= 1 << change.bit;
      return copy;
    }
    case 'set':
      return Buffer.concat([before, change.bytes, file.subarray(place + change.bytes.length)]);
    case 'insert':
      return Buffer.concat([before, change.bytes, file.subarray(place)]);
    case 'cut':
      return Buffer.concat([before, file.subarray(place + change.length)]);
    case 'end':
      return before;
    case 'repeat': {
      const piece = file.subarray(place, place + change.length);
      return Buffer.concat([before, ...Array<Buffer>(change.times).fill(piece), file.subarray(place)]);
    }
  }
}
