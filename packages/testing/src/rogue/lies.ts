import { type Field, isMessage, readMessages } from './schema.js';
import { bytesField, doubleField, fieldsOf, fixed32Field, joined, type RawField, varintField } from './wire.js';

/** Who lies to whom: a trainer or a coordinator to the other, or a trainer to another one. */
export type Side = 'trainer' | 'coordinator' | 'peer';

/** What a rogue does to one of its messages. */
export interface Lie {
  /** What it is, such as `ready.computation.other = 4294967295`. */
  name: string;
  side: Side;
  /** Returns what is sent in place of a message; undefined if it is none of those that the lie is about. */
  tell: (message: Buffer) => readonly Buffer[] | undefined;
}

const messages = readMessages();
const roots: Record<Side, string> = { trainer: 'FromTrainer', coordinator: 'FromCoordinator', peer: 'PeerMessage' };

/** Returns all lies: each field of each message with each of its edge values, and each message left out, repeated or unreadable. */
export function allLies(): Lie[] {
  return (Object.keys(roots) as Side[]).flatMap((side) =>
    (messages.get(roots[side]) ?? []).flatMap((body) => [
      ...wholeLies(side, body),
      ...fieldLies([body]).map(({ path, value }): Lie => ({
        name: `${side}: ${path.map(({ name }) => name).join('.')} ${value.name}`,
        side,
        tell: (message) => (isOf(message, body) ? [replaced(message, path, value.fields)] : undefined),
      })),
    ]),
  );
}

const isOf = (message: Buffer, { number }: Field): boolean =>
  fieldsOf(message).some((field) => field.number === number);

function wholeLies(side: Side, body: Field): Lie[] {
  const lie = (name: string, tell: (message: Buffer) => readonly Buffer[]): Lie => ({
    ...{ name: `${side}: ${body.name} ${name}`, side },
    tell: (message) => (isOf(message, body) ? tell(Buffer.from(message)) : undefined),
  });
  return [
    lie('is left out', () => []),
    lie('is sent twice', (message) => [message, message]),
    lie('is cut off', (message) => [message.subarray(0, Math.max(0, message.length - 1))]),
    lie('is no message', () => [Buffer.from('GET / HTTP/1.1\r\n\r\n')]),
    lie('is empty', () => [Buffer.alloc(0)]),
  ];
}

/** A value that a field is given: the fields on the wire that take its place. */
interface Value {
  name: string;
  fields: readonly RawField[];
}

function* below(path: readonly Field[]): Generator<readonly Field[]> {
  for (const field of messages.get(path[path.length - 1].type) ?? []) {
    yield [...path, field];
    if (isMessage(field)) yield* below([...path, field]);
  }
}

const fieldLies = (body: readonly [Field]): { path: readonly Field[]; value: Value }[] =>
  [...below(body)].flatMap((path) => valuesOf(path[path.length - 1]).map((value) => ({ path, value })));

/** Returns the values at which a field's reader breaks, if it does. */
function valuesOf(field: Field): Value[] {
  const { number, type } = field;
  const one = (name: string, raw: RawField): Value => ({ name: `= ${name}`, fields: [raw] });
  const varints = (...values: bigint[]) => values.map((value) => one(String(value), varintField(number, value)));
  const texts = (...values: [string, Buffer][]) => values.map(([name, bytes]) => one(name, bytesField(number, bytes)));
  const values = (): Value[] => {
    switch (type) {
      case 'uint32':
        return varints(1n, 0x7fffffffn, 0xffffffffn, 0xffffffffffffffffn);
      case 'uint64':
        return varints(1n, 2n ** 53n - 1n, 0xffffffffffffffffn);
      case 'bool':
      case 'enum':
        return varints(1n, 99n);
      case 'fixed32':
        return [1, 0xffffffff].map((value) => one(String(value), fixed32Field(number, value)));
      case 'double':
        return [NaN, Infinity, -1, 1e300].map((value) => one(String(value), doubleField(number, value)));
      case 'string':
        return texts(
          ['long', Buffer.alloc(100_000, 'x')],
          ['control characters', Buffer.from('\u001b[2J\r\n\u202e')],
          ['no UTF-8', Buffer.from([0xff, 0xfe])],
        );
      case 'bytes':
        return texts(
          ['3 bytes', Buffer.alloc(3, 1)],
          ['NaN', Buffer.from([0, 0, 0xc0, 0x7f])],
          ['1 MiB', Buffer.alloc(1 << 20, 7)],
        );
      default:
        return texts(['empty', Buffer.alloc(0)], ['unreadable', Buffer.from([0xff])]);
    }
  };
  const often = values()
    .slice(-1)
    .map(({ fields }): Value => ({
      name: 'ten thousand times',
      fields: Array.from({ length: 10_000 }, () => fields[0]),
    }));
  return [{ name: 'is left out', fields: [] }, ...values(), ...(field.isRepeated ? often : [])];
}

/** Returns a message in which the field at the path has other values. What is missing on the way to it is made. */
function replaced(message: Buffer, [first, ...rest]: readonly Field[], values: readonly RawField[]): Buffer {
  const fields = fieldsOf(message);
  const others = fields.filter(({ number }) => number !== first.number);
  if (rest.length === 0) return joined([...others, ...values]);
  const { content = Buffer.alloc(0) } = fields.find(({ number }) => number === first.number) ?? {};
  return joined([...others, bytesField(first.number, replaced(content, rest, values))]);
}
