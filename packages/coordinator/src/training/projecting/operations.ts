import { hardPrune, initialise, iterateInPlace, type LayerState, type Project } from '@prunegrid/numerics/admm';
import { type ConstraintData, projectionOnto } from '@prunegrid/numerics/constraints';

/**
 * Operations on a whole layer, by the names that orders to threads use. An operation owns its arguments, so a state
 * that was passed to it must not be read afterwards.
 */
const operations = {
  initialise: (project: Project, [W, rho]: Arguments['initialise']) => initialise(W, project, rho),
  iterate: (project: Project, [state, W, nextRho]: Arguments['iterate']) => iterateInPlace(state, W, project, nextRho),
  hardPrune: (project: Project, [W]: Arguments['hardPrune']) => hardPrune(W, project),
};

interface Arguments {
  initialise: [W: Float32Array, rho: number];
  iterate: [state: LayerState, W: Float32Array, nextRho: number];
  hardPrune: [W: Float32Array];
}

type Operations = typeof operations;
export type Operation = keyof Operations;
export type ArgumentsOf<Name extends Operation> = Arguments[Name];
export type ResultOf<Name extends Operation> = ReturnType<Operations[Name]>;

/** Constraint on a layer's weights, and their shape. */
export interface Constrained {
  readonly constraint: ConstraintData;
  readonly shape: readonly number[];
}

/** Order to a thread. It is plain data, from which the thread looks up the implementation of the constraint. */
export interface Order<Name extends Operation = Operation> extends Constrained {
  operation: Name;
  args: ArgumentsOf<Name>;
}

/**
 * Answer of a thread. A NonFiniteError is sent as its properties, because an error loses its class and properties
 * between threads.
 */
export type Answer<Name extends Operation = Operation> =
  { result: ResultOf<Name> } | { nonFinite: { index: number; value: number } };

/** @throws whatever the operation of admm/ throws, and Failure `input` if the constraint is not registered here */
export function runOperation<Name extends Operation>({
  operation,
  constraint,
  shape,
  args,
}: Order<Name>): ResultOf<Name> {
  const byName: { [Each in Operation]: (project: Project, args: ArgumentsOf<Each>) => ResultOf<Each> } = operations;
  return byName[operation](projectionOnto(constraint, shape), args);
}

/**
 * The memory of all arrays in an order or an answer, which moves from one thread to the other with it instead of being
 * copied. Each array must have its memory to itself, or others would lose theirs; the same array may come more than
 * once.
 */
export const memoryOf = (value: unknown): ArrayBuffer[] => [...new Set(buffersIn(value))];

function buffersIn(value: unknown): ArrayBuffer[] {
  if (ArrayBuffer.isView(value)) return [value.buffer as ArrayBuffer];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(buffersIn);
}
