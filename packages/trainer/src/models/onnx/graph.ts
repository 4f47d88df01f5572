import { Failure } from '@prunegrid/core/failure';
import type { Host } from '@prunegrid/core/runtime';
import { Attributes, type NodeProto, type OnnxFile, readTensor } from '@prunegrid/onnx';

import { isOnlyFolded } from './folding.js';
import { titleOf } from './names.js';
import { type GraphNode, operatorNamed } from './operators/index.js';
import { unshareEqualVectors } from './unshare.js';
import type { Constant } from './values.js';

/** The nodes named for each missing operator, so that a message stays readable. */
const MOST_NODES = 3;

/**
 * Returns the nodes of a file, each after those whose outputs it reads. Vectors that exporters have stored once because
 * they are equal are stored apart in the messages of `file` afterwards, see `unshareEqualVectors`.
 * @throws {Failure} `input` if the nodes form a cycle, read what nothing computes, or have operators that are not
 *   supported, all of which are named
 */
export async function nodesOf(file: OnnxFile, host: Pick<Host, 'files'>): Promise<GraphNode[]> {
  requireSupported(file);
  await unshareEqualVectors(file, host);
  const nodes: GraphNode[] = [];
  for (const proto of sorted(file)) nodes.push(await nodeOf(file, proto, host));
  const problems = nodes.flatMap((node) => {
    const problem = operatorNamed(node.op)?.problem?.(node);
    return problem === undefined ? [] : [`node ${node.title} (${node.op}) ${problem}`];
  });
  if (problems.length > 0) throw new Failure('input', `${file.path}: ${problems.join('; ')}`);
  return nodes;
}

async function nodeOf(file: OnnxFile, proto: NodeProto, host: Pick<Host, 'files'>): Promise<GraphNode> {
  const attributes = new Attributes(proto);
  const value = await attributeValue(file, attributes, host);
  return {
    title: titleOf(proto),
    op: proto.opType,
    inputs: proto.input,
    outputs: proto.output,
    attributes,
    ...(value && { value }),
  };
}

/** Returns the numbers that Constant and ConstantOfShape have as an attribute. */
async function attributeValue(
  file: OnnxFile,
  attributes: Attributes,
  host: Pick<Host, 'files'>,
): Promise<Constant | undefined> {
  const tensor = attributes.tensor('value');
  if (tensor) return { kind: 'constant', ...(await readTensor(file, tensor, host)) };
  const listed = (type: 'float' | 'int', numbers: number[], shape: number[]) =>
    ({
      ...{ kind: 'constant', type, shape },
      values: type === 'float' ? Float32Array.from(numbers) : Float64Array.from(numbers),
    }) as Constant;
  if (attributes.has('value_float')) return listed('float', [attributes.float('value_float', 0)], []);
  if (attributes.has('value_int')) return listed('int', [attributes.int('value_int', 0)], []);
  const [floats, ints] = [attributes.floats('value_floats'), attributes.ints('value_ints')];
  if (floats && attributes.has('value_floats')) return listed('float', floats, [floats.length]);
  return ints && listed('int', ints, [ints.length]);
}

function requireSupported({ path, graph }: OnnxFile): void {
  const missing = new Map<string, string[]>();
  for (const proto of graph.node) {
    const { domain, opType } = proto;
    const own = domain === '' || domain === 'ai.onnx';
    const supported = own && (operatorNamed(opType) !== undefined || isOnlyFolded(opType));
    if (supported && new Attributes(proto).graphs().length === 0) continue;
    const name = own ? opType : `${domain}.${opType}`;
    missing.set(name, [...(missing.get(name) ?? []), titleOf(proto)]);
  }
  if (missing.size === 0) return;
  const list = [...missing].map(([name, nodes]) => {
    const more = nodes.length > MOST_NODES ? ` and ${nodes.length - MOST_NODES} more` : '';
    return `${name} (${nodes.slice(0, MOST_NODES).join(', ')}${more})`;
  });
  throw new Failure(
    'input',
    `${path}: has operators that are not supported: ${list.join('; ')}: express them by others, or write the network as a module`,
  );
}

/** Sorts the nodes by what they read (Kahn 1962). ONNX asks for this order, and not every file has it. */
function sorted({ path, graph }: OnnxFile): NodeProto[] {
  const given = new Set(['', ...graph.input.map(({ name }) => name), ...graph.initializer.map(({ name }) => name)]);
  const makers = new Map<string, NodeProto>();
  for (const node of graph.node) {
    for (const output of node.output) {
      if (output === '') continue;
      if (makers.has(output) || given.has(output)) {
        throw new Failure(
          'input',
          `${path}: ${output} is computed twice, also by node ${titleOf(node)}: export it again`,
        );
      }
      makers.set(output, node);
    }
  }
  const readers = new Map<NodeProto, NodeProto[]>();
  const open = new Map<NodeProto, number>();
  for (const node of graph.node) {
    const needed = new Set<NodeProto>();
    for (const input of node.input) {
      if (given.has(input)) continue;
      const maker = makers.get(input);
      if (!maker) {
        throw new Failure(
          'input',
          `${path}: node ${titleOf(node)} reads ${input}, which nothing computes: export it again`,
        );
      }
      needed.add(maker);
    }
    open.set(node, needed.size);
    for (const maker of needed) readers.set(maker, [...(readers.get(maker) ?? []), node]);
  }
  const ready = graph.node.filter((node) => open.get(node) === 0);
  for (const node of ready) {
    for (const reader of readers.get(node) ?? []) {
      const left = (open.get(reader) as number) - 1;
      open.set(reader, left);
      if (left === 0) ready.push(reader);
    }
  }
  if (ready.length === graph.node.length) return ready;
  const stuck = graph.node.filter((node) => (open.get(node) as number) > 0).map(titleOf);
  throw new Failure(
    'input',
    `${path}: its nodes form a cycle through ${stuck.slice(0, MOST_NODES).join(', ')}: a recurrent network is exported with LSTM, GRU or RNN`,
  );
}
