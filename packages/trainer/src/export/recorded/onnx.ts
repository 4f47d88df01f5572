import { version } from '@prunegrid/core/version';
import { encodeOnnx, onnxNode, onnxValue } from '@prunegrid/onnx';

import type { Model } from '../../models/index.js';
import { requireWritten } from './graph.js';
import { Call, GraphWriter, onnxTypes } from './graph-writer.js';
import { recordInference } from './inference.js';
import { elementwise } from './operators/elementwise.js';
import { imageOperators } from './operators/images.js';
import { shapeOperators } from './operators/shapes.js';

const writings = { ...elementwise, ...imageOperators, ...shapeOperators };

/** The name of the logits. */
const OUTPUT = 'logits';

/**
 * Returns a model as a new ONNX file. Images are [batch, channels, height, width] in it.
 * @param parameters all of the model's, in its own layout
 * @throws {Failure} `input` if the model has operations that are not written; it names all
 */
export function recordedOnnx(model: Model, parameters: Float32Array): Uint8Array {
  const graph = recordInference(model, parameters);
  requireWritten(model.name, graph, new Set(Object.keys(writings)), 'as ONNX');
  const { fixed, operations, input, output } = graph;
  const writer = new GraphWriter(fixed);
  const [, ...example] = input.shape;
  const isImage = example.length === 3;
  writer.set(input.name, { shape: input.shape, ...(isImage ? { channelsFirst: input.name } : { plain: input.name }) });
  for (const operation of operations) {
    const outputs = [writings[operation.op](new Call(writer, operation))].flat();
    outputs.forEach((value, i) => writer.set(i === 0 ? operation.name : `${operation.name}:${i}`, value));
  }
  const logits = onnxNode('Identity', [writer.plain(writer.value(output))], [OUTPUT]);
  const shape = isImage ? [example[2], example[0], example[1]] : example;
  return encodeOnnx(
    {
      name: model.name,
      nodes: [...writer.nodes, logits],
      initializers: writer.initializers,
      input: onnxValue(input.name, onnxTypes[input.elementType], ['batch', ...shape]),
      output: onnxValue(OUTPUT, onnxTypes.float32, ['batch', model.classes]),
    },
    { name: 'prunegrid', version },
  );
}
