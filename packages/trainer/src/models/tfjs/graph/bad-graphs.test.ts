import { Failure } from '@prunegrid/core/failure';
import { nodeHost } from '@prunegrid/core/node';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { loadModel } from '../../load.js';
import { attribute, cnn, graphModelOf, writeGraphModel } from './graph.fixture.js';

const { integers: list, type } = attribute;
let folder: string;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'prunegrid-bad-graph-'))));
afterAll(() => rm(folder, { recursive: true }));

describe('a bad graph model is refused in one line', () => {
  type Json = ReturnType<typeof graphModelOf>['json'];
  type Node = { name: string; op: string; input: string[]; attr: Record<string, unknown> };
  const nodeOf = (json: Json, name: string) => json.modelTopology.node.find((each) => each.name === name) as Node;
  it.each<[string, (json: Json) => unknown, string]>([
    [
      'operators that are not read, all at once',
      (json) => {
        nodeOf(json, 'net/gate').op = 'TensorListReserve';
        nodeOf(json, 'net/prelu').op = 'StatelessWhile';
        Object.assign(nodeOf(json, 'net/depth/depthwise').attr, { dilations: list(1, 2, 2, 1) });
      },
      'has operators that are not supported: DepthwiseConv2dNative has dilations, of which TensorFlow.js has no gradient (net/depth/depthwise); TensorListReserve (net/gate); StatelessWhile (net/prelu): express',
    ],
    ['no nodes', (json) => (json.modelTopology.node = []), 'is no graph model of TensorFlow.js (modelTopology.node: '],
    ['null in place of nodes', (json) => (json.modelTopology.node = null as never), '(modelTopology.node: '],
    ['null as a node', (json) => (json.modelTopology.node[3] = null as never), '(modelTopology.node.3: '],
    ['an attribute that is a number', (json) => (nodeOf(json, 'net/norm/n').attr['epsilon'] = 1), 'attr.epsilon: '],
    ['two nodes of one name', (json) => (nodeOf(json, 'net/gate').name = 'net/flat'), 'has two nodes net/flat'],
    [
      'a node that is not there',
      (json) => (nodeOf(json, 'net/gate').input = ['none']),
      'node net/gate reads none, which',
    ],
    ['a cycle', (json) => (nodeOf(json, 'net/gate').input = ['net/flat']), 'its nodes form a cycle through net/'],
    ['an output that is not there', (json) => (json.signature.outputs.y.name = 'none'), 'has 1 outputs (none), and'],
    [
      'a fixed number of examples',
      (json) => {
        const { shape } = nodeOf(json, 'x').attr as { shape: { shape: { dim: { size: string }[] } } };
        shape.shape.dim[0].size = '8';
      },
      'its input x has the shape [8, 6, 6, 1]: save it with the number of examples open',
    ],
    [
      'an input of texts',
      (json) => (nodeOf(json, 'x').attr['dtype'] = type('DT_STRING')),
      'its input x is of DT_STRING; ',
    ],
    [
      'a constant without values',
      (json) => (nodeOf(json, 'net/gate').op = 'Const'),
      'its weights do not fit: net/gate missing',
    ],
    [
      'shapes that do not fit',
      (json) => (nodeOf(json, 'net/flat').input = ['net/batch', 'net/batch']),
      'node net/flatten (Reshape): ',
    ],
    [
      'bounds from the data',
      (json) => (nodeOf(json, 'net/flatten').input[1] = 'net/gated'),
      'node net/flatten (Reshape): ',
    ],
    [
      'another output',
      (json) => (json.signature.outputs.y.name = 'net/conv/Relu:0'),
      'its output has the shape [batch, 4, 4, 4], and',
    ],
  ])('%s', async (_what, change, message) => {
    const { json, weights } = structuredClone(graphModelOf(cnn));
    change(json);
    const error = await loadModel(
      await writeGraphModel(folder, { json, weights: Buffer.from(weights) }),
      nodeHost,
    ).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Failure);
    const { message: line } = error as Failure;
    expect(line).toMatch(/^\/[^\n]+$/);
    expect(line).toContain(message);
  });
});
