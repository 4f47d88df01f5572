import * as tf from '@tensorflow/tfjs';

import { inFileOrder, inModelOrder, orderInFile } from '../../file-order.js';
import type { Model } from '../../model.js';
import type { ModelHost } from '../../model-files.js';
import { classesOf } from '../../trace/classes.js';
import type { Artifacts, WeightValues } from '../artifacts.js';
import { graphOf } from './graph.js';
import { GraphNetwork, type Known } from './network.js';
import { layersOf, type TrainedConstant, trainedConstants } from './trained.js';

/** Returns whether a topology is that of a graph model: nodes in place of layers. */
export const isGraph = (topology: Artifacts['topology']): boolean => 'node' in topology;

/**
 * Returns a graph model of TensorFlow.js, such as its converter writes of a SavedModel, as a model. The kernels, biases
 * and so on are constants of the graph; they are trained from their values.
 * @param name of the model in messages and on screens
 * @throws {Failure} `input`, one line that names the file, if it is no network that can be trained
 */
export async function graphModel(artifacts: Artifacts, name: string, host: ModelHost): Promise<Model> {
  const { path } = artifacts;
  const graph = graphOf(artifacts);
  const trained = trainedConstants(artifacts, graph);
  const network = new GraphNetwork(graph, await fixedConstants(artifacts, graph.constants, trained));
  const { shape, type } = graph.input;
  const draft: Model = {
    name,
    parameters: trained.map(({ parameter }) => parameter),
    layers: layersOf(trained),
    size: trained.reduce((sum, { parameter }) => sum + parameter.size, 0),
    input: { shape, type },
    classes: 0,
    dropouts: [],
    forward(ops, tensors, inputs) {
      const constants = trained.map((each, i) => [each.parameter.name, constantOf(each, tensors[i])] as const);
      return { logits: network.forward(ops, new Map(constants), inputs) };
    },
    pretrained: async () => valuesOf(await artifacts.read(), trained, host),
  };
  return { ...draft, classes: classesOf(path, draft, 'save it with such an output') };
}

/** Returns the constants that are not trained. */
async function fixedConstants(
  artifacts: Artifacts,
  names: readonly string[],
  trained: readonly TrainedConstant[],
): Promise<Map<string, Known>> {
  const own = new Set(trained.map(({ parameter }) => parameter.name));
  const fixed = new Set(names.filter((name) => !own.has(name)));
  const weights = artifacts.weights.filter(({ name }) => fixed.has(name));
  const values = await artifacts.read(weights);
  return new Map(
    weights.map(({ name, shape, dtype }): [string, Known] => [
      name,
      { shape, dtype: dtype === 'uint8' ? 'int32' : dtype, values: values.get(name) as WeightValues },
    ]),
  );
}

/** Returns a parameter as the constant of the graph. */
function constantOf({ parameter, role, shape }: TrainedConstant, tensor: tf.Tensor): tf.Tensor {
  if (role.swapped) return tf.transpose(tensor);
  return parameter.shape.length === shape.length && parameter.shape.every((extent, i) => extent === shape[i])
    ? tensor
    : tf.reshape(tensor, [...shape]);
}

/**
 * Returns the bytes of each trained constant of a graph model, by its name. It undoes what `pretrained` does.
 * @param parameters all of the model's, in its own layout
 */
export function storedConstants(artifacts: Artifacts, parameters: Float32Array): Map<string, Buffer> {
  const trained = trainedConstants(artifacts, graphOf(artifacts));
  return new Map(
    trained.map(({ parameter, role }) => {
      const { name, offset, size } = parameter;
      const pieces = inFileOrder(orderInFile(parameter, role), parameters.subarray(offset, offset + size));
      // A piece lives until the next one is asked for.
      const bytes = Array.from(pieces, (piece) => Buffer.from(piece.slice().buffer));
      return [name, Buffer.concat(bytes)];
    }),
  );
}

async function valuesOf(
  stored: ReadonlyMap<string, WeightValues>,
  trained: readonly TrainedConstant[],
  { clock }: ModelHost,
): Promise<Float32Array> {
  const values = new Float32Array(trained.reduce((sum, { parameter }) => sum + parameter.size, 0));
  for (const { parameter, role } of trained) {
    const { name, offset, size } = parameter;
    const constant = stored.get(name) as Float32Array;
    await inModelOrder(clock, orderInFile(parameter, role), constant, values.subarray(offset, offset + size));
  }
  return values;
}
