import { readFileSync } from 'node:fs';

/** A field of a message of the protocol. */
export interface Field {
  name: string;
  number: number;
  /** A scalar type of protobuf, `enum`, or the name of a message. */
  type: string;
  isRepeated: boolean;
}

const file = new URL('../../../proto/prunegrid/v1/coordination.proto', import.meta.url);
const scalars = new Set(['uint32', 'uint64', 'fixed32', 'double', 'float', 'bool', 'string', 'bytes', 'enum']);

/** Reads the fields of all messages of the protocol from its description. */
export function readMessages(): ReadonlyMap<string, readonly Field[]> {
  const text = readFileSync(file, 'utf8').replaceAll(/\/\/.*$/gm, '');
  const enums = new Set([...text.matchAll(/^\s*enum (\w+) \{/gm)].map(([, name]) => name));
  const messages = new Map<string, readonly Field[]>();
  for (const [, name, body] of text.matchAll(/^message (\w+) \{((?:[^{}]|\{[^{}]*\})*)\}/gm)) {
    const fields = [...body.matchAll(/(optional |repeated )?(\w+) (\w+) = (\d+);/g)].map(
      ([, label, type, field, number]): Field => ({
        ...{ name: field, number: Number(number), isRepeated: label === 'repeated ' },
        type: enums.has(type) ? 'enum' : type,
      }),
    );
    messages.set(name, fields);
  }
  for (const field of [...messages.values()].flat()) {
    if (!scalars.has(field.type) && !messages.has(field.type)) throw new Error(`${field.name}: unknown type`);
  }
  return messages;
}

export const isMessage = ({ type }: Field): boolean => !scalars.has(type);
