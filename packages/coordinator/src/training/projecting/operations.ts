import { hardPrune, initialise, iterateInPlace } from '@prunegrid/numerics/admm';

/**
 * What is done with a whole layer, under names by which a thread can be told. The arguments belong to the operation: of a state
 * that it was given nothing can be read afterwards.
 */
const operations = { initialise, iterate: iterateInPlace, hardPrune };

type Operations = typeof operations;
export type Operation = keyof Operations;
export type ArgumentsOf<Name extends Operation> = Parameters<Operations[Name]>;
export type ResultOf<Name extends Operation> = ReturnType<Operations[Name]>;

/** What a thread is told. */
export interface Order<Name extends Operation = Operation> {
  operation: Name;
  args: ArgumentsOf<Name>;
}

/** What a thread answers. A NonFiniteError comes as what it is made of: as an error it would arrive without its class and properties. */
export type Answer<Name extends Operation = Operation> =
  { result: ResultOf<Name> } | { nonFinite: { index: number; value: number } };

/** @throws whatever the operation of admm/ throws. */
export function runOperation<Name extends Operation>({ operation, args }: Order<Name>): ResultOf<Name> {
  const byName: { [Each in Operation]: (...args: ArgumentsOf<Each>) => ResultOf<Each> } = operations;
  return byName[operation](...args);
}

/**
 * The memory of all arrays in an order or an answer, which moves from one thread to the other with it instead of being copied.
 * Each array must have its memory to itself, or others would lose theirs.
 */
export function memoryOf(value: unknown): ArrayBuffer[] {
  if (ArrayBuffer.isView(value)) return [value.buffer as ArrayBuffer];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(memoryOf);
}
