import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Attributes of a node as a GraphDef in JSON has them. */
export const attribute = {
  type: (type: string) => ({ type }),
  text: (text: string) => ({ s: Buffer.from(text).toString('base64') }),
  texts: (...texts: string[]) => ({ list: { s: texts.map((text) => Buffer.from(text).toString('base64')) } }),
  integer: (value: number) => ({ i: String(value) }),
  integers: (...values: number[]) => ({ list: { i: values.map(String) } }),
  float: (value: number) => ({ f: value }),
  flag: (value: boolean) => ({ b: value }),
};

export interface WrittenNode {
  name: string;
  op: string;
  input: string[];
  attr: Record<string, object>;
}

export interface Constant {
  shape: number[];
  values: Float32Array | Int32Array;
}

/** A graph model of TensorFlow.js, whose input is `x` and whose output is the last node. */
export interface WrittenGraph {
  /** The shape of an example. */
  input: number[];
  constants: Record<string, Constant>;
  nodes: WrittenNode[];
}

export const node = (op: string, name: string, input: string, attr: Record<string, object> = {}): WrittenNode => ({
  name,
  op,
  input: input.split(' '),
  attr,
});

/** Numbers from -1 to 1 that follow no order. */
export const drawn = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(12.9898 * (i + 1) + 78.233 * seed));

export const float = (shape: number[], seed: number): Constant => ({
  shape,
  values: drawn(
    shape.reduce((product, extent) => product * extent, 1),
    seed,
  ),
});

export const integers = (...values: number[]): Constant => ({
  shape: [values.length],
  values: Int32Array.from(values),
});

export const integer = (value: number): Constant => ({ shape: [], values: Int32Array.of(value) });

const dtypeOf = ({ values }: Constant) => (values instanceof Float32Array ? 'float32' : 'int32');

/** Returns `model.json` as TensorFlow.js' converter writes it, and its weights. */
export function graphModelOf({ input, constants, nodes }: WrittenGraph) {
  const dim = [-1, ...input].map((size) => ({ size: String(size) }));
  const info = (name: string) => ({ name: `${name}:0`, dtype: 'DT_FLOAT', tensorShape: { dim } });
  const stored = Object.entries(constants);
  const json = {
    format: 'graph-model',
    generatedBy: 'test',
    signature: {
      inputs: { x: info('x') },
      outputs: { y: { ...info(nodes.at(-1)?.name ?? ''), tensorShape: {} } },
    },
    modelTopology: {
      node: [
        ...stored.map(([name, each]) => ({
          ...{ name, op: 'Const' },
          attr: { dtype: attribute.type(dtypeOf(each) === 'float32' ? 'DT_FLOAT' : 'DT_INT32') },
        })),
        { name: 'x', op: 'Placeholder', attr: { dtype: attribute.type('DT_FLOAT'), shape: { shape: { dim } } } },
        ...nodes,
      ],
      library: {},
      versions: { producer: 1 },
    },
    weightsManifest: [
      {
        paths: ['weights.bin'],
        weights: stored.map(([name, each]) => ({ name, shape: each.shape, dtype: dtypeOf(each) })),
      },
    ],
  };
  const weights = Buffer.concat(
    stored.map(
      ([
        ,
        {
          values: { buffer, byteOffset, byteLength },
        },
      ]) => Buffer.from(buffer, byteOffset, byteLength),
    ),
  );
  return { json, weights };
}

/** Writes a graph model into a folder, and returns the path of its `model.json`. */
export async function writeGraphModel(folder: string, { json, weights }: { json: object; weights: Buffer }) {
  await writeFile(join(folder, 'weights.bin'), weights);
  const path = join(folder, 'model.json');
  await writeFile(path, JSON.stringify(json));
  return path;
}
