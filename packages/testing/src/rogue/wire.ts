/** Wire types of protobuf. */
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** A field as it is on the wire: its tag, and what follows. */
export interface RawField {
  number: number;
  bytes: Buffer;
  /** What is in a field with a length, such as a message. */
  content?: Buffer;
}

/** Cuts the bytes of a message into its fields. */
export function fieldsOf(message: Buffer): RawField[] {
  const fields: RawField[] = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = message[at++];
      value += (byte & 0x7f) * shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const start = at;
    const tag = varint();
    const [number, type] = [Math.floor(tag / 8), tag % 8];
    let content: Buffer | undefined;
    if (type === VARINT) varint();
    else if (type === FIXED64) at += 8;
    else if (type === FIXED32) at += 4;
    else {
      const length = varint();
      content = message.subarray(at, at + length);
      at += length;
    }
    fields.push({ number, bytes: message.subarray(start, at), ...(content && { content }) });
  }
  return fields;
}

export const joined = (fields: readonly RawField[]): Buffer => Buffer.concat(fields.map(({ bytes }) => bytes));

function encodeVarint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

const tagged = (number: number, type: number, ...parts: Buffer[]): RawField => ({
  number,
  bytes: Buffer.concat([encodeVarint(BigInt(number * 8 + type)), ...parts]),
});

export const varintField = (number: number, value: bigint): RawField => tagged(number, VARINT, encodeVarint(value));

export function fixed32Field(number: number, value: number): RawField {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return tagged(number, FIXED32, bytes);
}

export function doubleField(number: number, value: number): RawField {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return tagged(number, FIXED64, bytes);
}

export const bytesField = (number: number, content: Buffer): RawField => ({
  ...tagged(number, BYTES, encodeVarint(BigInt(content.length)), content),
  content,
});
