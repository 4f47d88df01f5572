import { nodeHost } from '@prunegrid/core/node';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';

import { evaluationBlocks, loadDataset } from '@prunegrid/trainer/datasets';
import { loadTensorFlow } from '@prunegrid/trainer/engines/tensorflow/tensorflow';
import { Failure } from '@prunegrid/core/failure';
import { fromFile, models } from '@prunegrid/trainer/models';
import { readSafetensors } from '@prunegrid/core/safetensors';

import { renderCounts } from './screen/run-result.js';
import { countLayers, totalOf } from '@prunegrid/coordinator/training/layers';
import { requireEngine } from '@prunegrid/trainer/engines/require-engine';

const BLOCK = 500;

export interface EvaluateOptions {
  model?: string;
  json: boolean;
}

/** `prunegrid evaluate`: non-zeros and accuracy of any file that holds the network, ours or another program's. */
export async function evaluate(place: string, options: EvaluateOptions): Promise<void> {
  const isFolder = (await stat(place).catch(() => undefined))?.isDirectory() ?? false;
  const file = isFolder ? join(place, 'model.safetensors') : place;
  const { tensors, metadata } = await readSafetensors(nodeHost, file);
  const name = options.model ?? metadata['model'];
  if (name === undefined)
    throw new Failure(
      'input',
      `${file}: does not say which network it holds: add --model ${[...models.keys()].join(' or ')}`,
    );
  const model = models.get(name);
  if (!model) throw new Failure('input', `--model: no model ${name}; there is ${[...models.keys()].join(', ')}`);
  const parameters = await fromFile(model, tensors, file);
  const layers = countLayers(model, parameters);

  await requireEngine((line) => console.error(line));
  const dataset = await loadDataset({ name: 'mnist', validation: 5000 });
  const network = loadTensorFlow(1).open(model);
  network.setParameters(parameters);
  const accuracy = (part: typeof dataset.test) => {
    let correct = 0;
    const blocks = Math.ceil(part.count / BLOCK);
    for (const batch of evaluationBlocks(part, BLOCK, 0, blocks)) correct += network.score(batch).correct;
    return correct / part.count;
  };
  const result = {
    file,
    model: name,
    testAccuracy: accuracy(dataset.test),
    validationAccuracy: accuracy(dataset.validation),
    layers,
    total: totalOf(layers),
  };
  console.log(options.json ? JSON.stringify(result) : renderCounts(result));
}
