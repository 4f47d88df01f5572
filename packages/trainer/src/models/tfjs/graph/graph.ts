import { Failure } from '@prunegrid/core/failure';
import { z } from 'zod';

import type { ModelInput } from '../../model.js';
import type { Artifacts } from '../artifacts.js';
import { type GraphNode, NodeAttributes } from './node.js';
import { problemOf } from './operators.js';

/** A graph model, as far as its logits need it. */
export interface Graph {
  /** The nodes, each after those whose outputs it reads, without constants and without the input. */
  nodes: readonly GraphNode[];
  constants: readonly string[];
  input: ModelInput & { name: string };
  /** The name of the logits' value. */
  logits: string;
}

const text = z.string().min(1);
const extents = z.object({ dim: z.array(z.object({ size: z.union([z.string(), z.number()]) })).exactOptional() });
const nodeSchema = z.object({
  name: text,
  op: text,
  input: z.array(text).default([]),
  attr: z.record(z.string(), z.record(z.string(), z.unknown())).default({}),
});
const tensorInfo = z.object({ name: text });
const topologySchema = z.object({ node: z.array(nodeSchema).min(1) });
const signatureSchema = z.object({ outputs: z.record(z.string(), tensorInfo) });

type StoredNode = z.infer<typeof nodeSchema>;

/** The most operators of which a message names a node. Names of nodes are long, and a loop has ten operators of its own. */
const MOST_PLACES = 4;

/**
 * Reads the topology of a graph model.
 * @throws {Failure} `input`, one line that names the file, if it is none, or has operators that are not supported, all of
 *   which are named
 */
export function graphOf({ path, topology, signature }: Artifacts): Graph {
  const { node: stored } = checked(path, topologySchema, topology, 'modelTopology');
  const nodes = new Map<string, StoredNode>();
  for (const node of stored) {
    if (nodes.has(node.name)) throw new Failure('input', `${path}: has two nodes ${node.name}: convert it again`);
    nodes.set(node.name, node);
  }
  const logits = logitsOf(outputOf(path, nodes, signature), nodes);
  const { sorted, cycle } = needed(path, nodes, nameOf(logits));
  const used = outputsOf(sorted);
  const all = sorted.map(({ name, op, input, attr }): GraphNode => ({
    ...{ title: name, op, outputs: used(name), attributes: new NodeAttributes(attr) },
    inputs: input.filter(isValue).map(valueName),
  }));
  requireSupported(path, all);
  // Loops have operators of their own, so that they are named rather than the cycle that they form.
  if (cycle !== undefined) {
    throw new Failure('input', `${path}: its nodes form a cycle through ${cycle}: convert it again`);
  }
  const inputs = all.filter(({ op }) => op === 'Placeholder');
  if (inputs.length !== 1) {
    const names = inputs.map(({ title }) => title).join(', ') || 'none';
    throw new Failure(
      'input',
      `${path}: has ${inputs.length} inputs (${names}), and networks of one are trained: save it with one`,
    );
  }
  return {
    nodes: all.filter(({ op }) => op !== 'Const' && op !== 'Placeholder' && op !== 'NoOp'),
    constants: all.filter(({ op }) => op === 'Const').map(({ title }) => title),
    input: inputOf(path, nodes.get(inputs[0].title) as StoredNode),
    logits,
  };
}

function checked<Schema extends z.ZodType>(path: string, schema: Schema, value: unknown, key: string): z.infer<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [{ path: at, message }] = result.error.issues;
  throw new Failure(
    'input',
    `${path}: is no graph model of TensorFlow.js (${[key, ...at].join('.')}: ${message}): convert it again`,
  );
}

/** Inputs that begin so say only what must come before. */
const isValue = (input: string): boolean => !input.startsWith('^');

const nameOf = (value: string): string => value.replace(/:\d+$/, '');

/** The first output of a node has no number. */
const valueName = (input: string): string => input.replace(/:0$/, '');

function outputOf(path: string, nodes: ReadonlyMap<string, StoredNode>, signature: unknown): string {
  const read = new Set([...nodes.values()].flatMap(({ input }) => input.map((each) => nameOf(each.replace('^', '')))));
  const names =
    signature === undefined
      ? [...nodes.keys()].filter((name) => !read.has(name))
      : Object.values(checked(path, signatureSchema, signature, 'signature').outputs).map(({ name }) => name);
  const [name] = names;
  if (names.length === 1 && nodes.has(nameOf(name))) return valueName(name);
  throw new Failure(
    'input',
    `${path}: has ${names.length} outputs (${names.join(', ') || 'none'}), and networks of one are trained: save it with one`,
  );
}

/** Returns the name of the logits. A softmax behind them is left out, because the loss is computed from logits. */
function logitsOf(output: string, nodes: ReadonlyMap<string, StoredNode>): string {
  const { op, input } = nodes.get(nameOf(output)) as StoredNode;
  const [first] = input;
  const before = (op === 'Softmax' || op === 'Identity') && first !== undefined && nodes.has(nameOf(first));
  return before ? logitsOf(valueName(first), nodes) : output;
}

/**
 * Returns the nodes that a node needs, each after those that it reads, and the node itself; and a node that reads what
 * follows from itself, if there is one.
 */
function needed(
  path: string,
  nodes: ReadonlyMap<string, StoredNode>,
  last: string,
): { sorted: StoredNode[]; cycle: string | undefined } {
  let cycle: string | undefined;
  const sorted: StoredNode[] = [];
  const state = new Map<string, 'open' | 'done'>();
  // A stack of its own, because networks can be deeper than that of calls.
  const stack = [last];
  for (let name = stack.at(-1); name !== undefined; name = stack.at(-1)) {
    const node = nodes.get(name) as StoredNode;
    if (state.get(name) === 'done') {
      stack.pop();
      continue;
    }
    if (state.get(name) === 'open') {
      state.set(name, 'done');
      sorted.push(node);
      stack.pop();
      continue;
    }
    state.set(name, 'open');
    for (const input of node.input.filter(isValue).map(nameOf)) {
      if (!nodes.has(input)) {
        throw new Failure('input', `${path}: node ${name} reads ${input}, which is not there: convert it again`);
      }
      if (state.get(input) === 'open') cycle ??= input;
      if (!state.has(input)) stack.push(input);
    }
  }
  return { sorted, cycle };
}

/** Returns a function that lists the values of a node up to the last one that is read. */
function outputsOf(nodes: readonly StoredNode[]): (name: string) => string[] {
  const last = new Map<string, number>();
  for (const input of nodes.flatMap((node) => node.input)) {
    const name = nameOf(input);
    last.set(name, Math.max(last.get(name) ?? 0, Number(/:(\d+)$/.exec(input)?.[1] ?? 0)));
  }
  return (name) => Array.from({ length: (last.get(name) ?? 0) + 1 }, (_, i) => (i === 0 ? name : `${name}:${i}`));
}

function requireSupported(path: string, nodes: readonly GraphNode[]): void {
  const problems = new Map<string, string[]>();
  for (const node of nodes) {
    const problem = problemOf(node);
    if (problem === undefined) continue;
    const line = `${node.op}${problem}`;
    problems.set(line, [...(problems.get(line) ?? []), node.title]);
  }
  if (problems.size === 0) return;
  const list = [...problems].map(([line, titles]) => {
    if (problems.size > MOST_PLACES) return line;
    const more = titles.length > 1 ? ` and ${titles.length - 1} more` : '';
    return `${line} (${titles[0]}${more})`;
  });
  throw new Failure(
    'input',
    `${path}: has operators that are not supported: ${list.join('; ')}: express them by others, convert the model with --output_format=tfjs_layers_model, or export ONNX`,
  );
}

const elementTypes = new Map<string, ModelInput['type']>([
  ['DT_FLOAT', 'float32'],
  ['DT_INT32', 'int32'],
  ['DT_INT64', 'int32'],
]);

function inputOf(path: string, { name, attr }: StoredNode): Graph['input'] {
  const type = new NodeAttributes(attr).type('dtype');
  const elements = elementTypes.get(type);
  if (!elements) {
    throw new Failure(
      'input',
      `${path}: its input ${name} is of ${type || 'no type'}; DT_FLOAT, DT_INT32 and DT_INT64 are read: save it so`,
    );
  }
  const { dim = [] } = extents.safeParse(attr['shape']?.['shape']).data ?? {};
  const [batch, ...shape] = dim.map(({ size }) => Number(size));
  const fixed = shape.length > 0 && shape.every((extent) => Number.isSafeInteger(extent) && extent > 0);
  if (batch === -1 && fixed) return { name, shape, type: elements };
  throw new Failure(
    'input',
    `${path}: its input ${name} has the shape [${dim.map(({ size }) => (Number(size) < 0 ? 'open' : size)).join(', ')}]: save it with the number of examples open and the other extents fixed`,
  );
}
