import { stat } from 'node:fs/promises';
import { join } from 'node:path';

import { nodeHost } from '@prunegrid/core/node';
import { datasets } from '@prunegrid/trainer/datasets';
import { DEFAULT_ENGINE, engines } from '@prunegrid/trainer/engines';
import { Failure } from '@prunegrid/core/failure';
import { fromFile, models } from '@prunegrid/trainer/models';
import { readSafetensors } from '@prunegrid/core/safetensors';

import { renderCounts } from './screen/run-result.js';
import { countLayers, totalOf } from '@prunegrid/coordinator/training/layers';
import { requireEngines } from './engines.js';

const BLOCK = 500;

export interface EvaluateOptions {
  model?: string;
  json: boolean;
}

/** `prunegrid evaluate`: non-zeros and accuracy of any file that holds the network, ours or another program's. */
export async function evaluate(place: string, options: EvaluateOptions): Promise<void> {
  const isFolder = (await stat(place).catch(() => undefined))?.isDirectory() ?? false;
  const file = isFolder ? join(place, 'model.safetensors') : place;
  const { tensors, metadata } = await readSafetensors(file);
  const name = options.model ?? metadata['model'];
  if (name === undefined)
    throw new Failure(
      'input',
      `${file}: does not say which network it holds: add --model ${models.names.join(' or ')}`,
    );
  const model = models.find(name);
  if (!model) throw new Failure('input', `--model: no model ${name}; there is ${models.names.join(', ')}`);
  const parameters = await fromFile(model, tensors, file);
  const layers = countLayers(model, parameters);

  await requireEngines([DEFAULT_ENGINE]);
  const dataset = await datasets.get('mnist').load({ name: 'mnist', validation: 5000 }, nodeHost);
  const engine = await engines.get(DEFAULT_ENGINE).load({ threads: 1, clock: nodeHost.clock });
  const evaluator = await engine.openEvaluator(model, dataset, parameters);
  const accuracy = async (part: 'validation' | 'test') => {
    const { count } = dataset[part];
    const blocks = { blockSize: BLOCK, firstBlock: 0, blocks: Math.ceil(count / BLOCK) };
    return (await evaluator.evaluate({ part, ...blocks })).correct / count;
  };
  const result = {
    file,
    model: name,
    testAccuracy: await accuracy('test'),
    validationAccuracy: await accuracy('validation'),
    layers,
    total: totalOf(layers),
  };
  console.log(options.json ? JSON.stringify(result) : renderCounts(result));
}
