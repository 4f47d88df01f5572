import type { PjrtBuffer } from '@prunegrid/pjrt';

import { type Batch, type Dataset, evaluationBlocks } from '../../datasets/index.js';
import type { Model } from '../../models/index.js';
import type { Evaluation, EvaluationRequest } from '../engine.js';
import { addScore } from '../host/evaluator.js';
import { batchScore, scoreSize } from '../recording/model-computations.js';
import type { XlaContext } from './context.js';
import type { Buffers, Device } from './device.js';
import { lower } from './lowering/lower.js';
import { type Program, writeProgram } from './lowering/program.js';
import { examplesFrom, parametersOf, type StoredExamples } from './programs/batch.js';

/** Evaluates W, a buffer [model.size], on the blocks of `request`. */
export async function evaluateOn(
  context: XlaContext,
  model: Model,
  dataset: Dataset,
  weights: PjrtBuffer,
  request: EvaluationRequest,
): Promise<Evaluation> {
  const { device, store } = context;
  const part = dataset[request.part];
  const there = await store.find(dataset, part);
  const scores: Promise<Float32Array>[] = [];
  const run = async (program: Program, inputs: Buffers, own: readonly PjrtBuffer[]) => {
    const { scores: buffer } = await device.run(program, { ...inputs, weights });
    for (const each of own) each.release();
    // The next block is computed while this one's scores are read.
    scores.push(device.take(buffer, scoreSize(model)));
    scores.at(-1)?.catch(() => undefined);
  };
  const { blockSize, firstBlock, blocks } = request;
  if (there) {
    for (let block = firstBlock; block < firstBlock + blocks; block++) {
      const first = block * blockSize;
      const count = Math.min(blockSize, part.count - first);
      const at = await device.put(Int32Array.of(first), []);
      await run(scoreProgram(context, model, count, there.stored), { ...there.buffers, first: at }, [at]);
    }
  } else {
    for await (const batch of evaluationBlocks(dataset, part, blockSize, firstBlock, blocks)) {
      const own = await putBatch(device, model, batch);
      await run(scoreProgram(context, model, batch.labels.length), own, Object.values(own));
    }
  }
  const result: Evaluation = { losses: [], correct: 0 };
  for (const values of await Promise.all(scores)) addScore(result, batchScore(model, values));
  return result;
}

async function putBatch(device: Device, model: Model, { inputs, labels }: Batch): Promise<Buffers> {
  return {
    images: await device.put(inputs, [labels.length, ...model.input.shape]),
    labels: await device.put(labels),
  };
}

/** Returns the program that scores `count` examples, which is written at its first use. */
function scoreProgram(context: XlaContext, model: Model, count: number, stored?: StoredExamples): Program {
  const programs = context.scorePrograms.get(model) ?? new Map<string, Program>();
  context.scorePrograms.set(model, programs);
  const key = JSON.stringify([count, stored]);
  const program = programs.get(key) ?? writeScoreProgram(context, model, count, stored);
  programs.set(key, program);
  return program;
}

/** Writes the program that scores `count` examples: those from `first` on, or if none are stored, those it is given. */
function writeScoreProgram(
  { device, recordings }: XlaContext,
  model: Model,
  count: number,
  stored?: StoredExamples,
): Program {
  const recording = recordings.score(model, count);
  const given = {
    images: { shape: [count, ...model.input.shape], type: model.input.type },
    labels: { shape: [count], type: 'int32' as const },
  };
  const parameters = {
    weights: { shape: [model.size], type: 'float32' as const },
    ...(stored ? { ...parametersOf(stored), first: { shape: [], type: 'int32' as const } } : given),
  };
  return writeProgram(device.precision, parameters, (body, values) => {
    const { inputs, labels } = stored
      ? examplesFrom(body, stored, values, values.first, count)
      : { inputs: values.images, labels: values.labels };
    const weights = model.parameters.map(({ offset, size, shape }) =>
      body.reshape(body.slice(values.weights, [offset], [offset + size]), shape),
    );
    const examples = [body.barrier(inputs), body.barrier(labels)];
    return { scores: lower(recording, body, [...weights, ...examples]) };
  });
}
