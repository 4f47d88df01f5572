import type { Host } from '@prunegrid/core/runtime';
import { fromFile, type ModelDescription } from '@prunegrid/trainer/models';

import { hashOfWeights, pictureKernel, type StartingWeights } from '../experiment/starting-weights.js';
import { readVerified } from './model-file.js';

/**
 * Reads the parameters that dense training starts from, [model.size], in the model's own layout.
 * @throws {Failure} `input` if the file cannot be read, has changed since it was checked or does not hold the model
 */
export async function readStartingWeights(
  weights: StartingWeights,
  model: ModelDescription,
  runtime: Pick<Host, 'clock' | 'files'>,
): Promise<Float32Array> {
  const { file, names, channels } = weights;
  await hashOfWeights(weights, runtime);
  const { tensors } = await readVerified(runtime, file);
  // The names of a checked choice are a map.
  const parameters = await fromFile(runtime.clock, model, tensors, file, names as Record<string, string> | undefined);
  const kernel = pictureKernel(model);
  if (channels === 'bgr' && kernel) swapColours(parameters, kernel);
  return parameters;
}

/** Swaps the kernel's weights of the first colour and of the last one. */
function swapColours(
  parameters: Float32Array,
  { shape: [height, width, colours, outputs], offset }: ModelDescription['parameters'][number],
): void {
  for (let position = 0; position < height * width; position++) {
    const red = offset + position * colours * outputs;
    const blue = red + (colours - 1) * outputs;
    const kept = parameters.slice(red, red + outputs);
    parameters.copyWithin(red, blue, blue + outputs);
    parameters.set(kept, blue);
  }
}
