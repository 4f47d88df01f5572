import { Client, credentials } from '@grpc/grpc-js';
import type { BeginPhase, Train } from '@prunegrid/proto';
import {
  coordinationService,
  encodeFromTrainer,
  encodeHello,
  keepalive,
  TensorKind,
  Trouble_Kind,
  TreeSum,
} from '@prunegrid/proto';

import type { Dataset } from '../datasets/index.js';
import { loadDataset } from '../datasets/index.js';
import type { Engine } from '../engine/index.js';
import { loadTensorFlow } from '../engine/index.js';
import { Failure } from '../failure.js';
import type { Model } from '../models/index.js';
import { models } from '../models/index.js';
import { momentCounts } from '../optimizer/index.js';
import { Halted, LeaseEnded, openChannel, type TrainerChannel } from './channel.js';
import { evaluate } from './evaluation.js';
import { Replica, TAIL } from './replica.js';

/** Time allowed for the coordinator to answer the first connection. */
const DIAL_SECONDS = 30;

export interface TrainerOptions {
  /** HOST:PORT of the coordinator, or unix:PATH. */
  coordinator: string;
  /** prunegrid's version: must be the coordinator's. */
  version: string;
  /** One line for whoever watches this trainer. */
  report: (line: string) => void;
}

/**
 * Dials the coordinator and obeys it until it says that the trainer may leave. Throws Failure where the coordinator cannot be
 * reached, refuses this trainer or hangs up.
 */
export async function serve({ coordinator, version, report }: TrainerOptions): Promise<void> {
  const client = new Client(coordinator, credentials.createInsecure(), { ...keepalive, 'grpc.enable_retries': 0 });
  try {
    await new Promise<void>((resolve, reject) => {
      client.waitForReady(Date.now() + DIAL_SECONDS * 1000, (error) => {
        if (!error) resolve();
        else
          reject(
            new Failure(
              'trainers',
              `${coordinator}: no coordinator answers there: check --coordinator and that it runs`,
            ),
          );
      });
    });
    const { path, requestSerialize, responseDeserialize } = coordinationService.attend;
    const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    const channel = openChannel(stream, coordinator);
    try {
      await converse(channel, version, report);
    } catch (error) {
      await tellTrouble(channel, error);
      throw error;
    } finally {
      stream.end();
    }
  } finally {
    client.close();
  }
}

async function converse(channel: TrainerChannel, version: string, report: (line: string) => void): Promise<void> {
  await channel.send(encodeHello(version));
  const terms = await channel.receive();
  if (terms.$case === 'refusal')
    throw new Failure('trainers', `the coordinator refuses this trainer: ${terms.value.reason}`);
  if (terms.$case !== 'terms' || !terms.value.dataset) throw unexpected(terms.$case);
  const model = models.get(terms.value.model);
  if (!model)
    throw new Failure('input', `no model ${terms.value.model} here: install the coordinator's version of prunegrid`);
  const { name, validation, limit } = terms.value.dataset;
  const dataset = await loadDataset({ name, validation, limit: limit || undefined });
  const engine = loadTensorFlow(terms.value.threads);
  await channel.send(
    encodeFromTrainer({
      $case: 'ready',
      value: {
        engine: engine.name,
        engineVersion: engine.version,
        device: engine.device,
        memoryBytes: engine.memoryBytes,
        datasetHash: dataset.hash,
        trainingImages: dataset.training.count,
        validationImages: dataset.validation.count,
        testImages: dataset.test.count,
        parameters: model.size,
      },
    }),
  );
  const answer = await channel.receive();
  if (answer.$case === 'refusal')
    throw new Failure('trainers', `the coordinator refuses this trainer: ${answer.value.reason}`);
  if (answer.$case !== 'admission') throw unexpected(answer.$case);
  report(`admitted as trainer ${answer.value.trainer}: ${engine.name} ${engine.version} on ${engine.device}`);
  for (;;) {
    const command = await channel.receive();
    if (command.$case === 'finish') break;
    if (command.$case !== 'lease') throw unexpected(command.$case);
    await work(channel, command.value.generation, engine, model, dataset);
  }
  report('the coordinator is done with this trainer');
}

/** Serves one lease to its end. Training that fails is told, and ends the lease alone; other failures end this trainer. */
async function work(...[channel, generation, ...equipment]: Parameters<typeof obey>): Promise<void> {
  try {
    await obey(channel, generation, ...equipment).catch(async (error: unknown) => {
      if (!(error instanceof Failure && error.kind === 'training')) throw error;
      await tellTrouble(channel, error);
      for (;;) await channel.receive();
    });
  } catch (error) {
    if (!(error instanceof LeaseEnded)) throw error;
    await channel.send(encodeFromTrainer({ $case: 'released', value: { generation } }));
  }
}

async function tellTrouble(channel: TrainerChannel, error: unknown): Promise<void> {
  const { kind, message } = error instanceof Failure ? error : { kind: undefined, message: String(error) };
  const trouble =
    kind === 'training'
      ? Trouble_Kind.NON_FINITE
      : kind === 'environment' || kind === 'input'
        ? Trouble_Kind.ENVIRONMENT
        : Trouble_Kind.PROTOCOL;
  await channel.send(encodeFromTrainer({ $case: 'trouble', value: { kind: trouble, message } }));
}

/** Carries the coordinator's commands out, one at a time, until LeaseEnded is thrown. */
async function obey(
  channel: TrainerChannel,
  generation: number,
  engine: Engine,
  model: Model,
  dataset: Dataset,
): Promise<never> {
  let replica: Replica | undefined;
  for (;;) {
    const command = await channel.receive();
    if (command.$case === 'beginPhase') {
      replica?.close();
      replica = await beginPhase(channel, generation, command.value, engine, model, dataset);
      continue;
    }
    if (!replica) throw unexpected(command.$case);
    switch (command.$case) {
      case 'setPenalty': {
        const { layers } = command.value;
        const size = layers.reduce(
          (sum, { layer }) => sum + (model.layers.find(({ name }) => name === layer)?.weights ?? 0),
          0,
        );
        replica.setPenalty(
          layers,
          await channel.receiveTensor(untimed(TensorKind.TARGET, generation), new Float32Array(size)),
        );
        break;
      }
      case 'train':
        await train(channel, generation, replica, command.value);
        break;
      case 'evaluate':
        await channel.send(
          encodeFromTrainer({
            $case: 'evaluated',
            value: evaluate(replica, dataset, command.value),
          }),
        );
        break;
      case 'fetchWeights':
        await channel.sendTensor(untimed(TensorKind.WEIGHTS, generation), replica.weights);
        break;
      case 'fetchMoments':
        for (const [node, moment] of replica.moments.entries()) {
          await channel.sendTensor({ ...untimed(TensorKind.MOMENTS, generation), node }, moment);
        }
        break;
      default:
        throw unexpected(command.$case);
    }
  }
}

async function beginPhase(
  channel: TrainerChannel,
  generation: number,
  phase: BeginPhase,
  engine: Engine,
  model: Model,
  dataset: Dataset,
) {
  const weights = await channel.receiveTensor(untimed(TensorKind.WEIGHTS, generation), new Float32Array(model.size));
  const survivors = phase.masked
    ? await channel.receiveTensor(untimed(TensorKind.SURVIVORS, generation), new Uint32Array(phase.survivors))
    : undefined;
  const { optimizer, optimizerSteps: steps } = phase;
  if (!optimizer || steps === 0) return new Replica(engine, model, dataset, phase, weights, survivors);
  const moments: Float32Array[] = [];
  for (let node = 0; node < momentCounts[optimizer.$case]; node++) {
    const header = { ...untimed(TensorKind.MOMENTS, generation), node };
    moments.push(await channel.receiveTensor(header, new Float32Array((survivors ?? weights).length)));
  }
  return new Replica(engine, model, dataset, phase, weights, survivors, { steps, moments });
}

async function train(channel: TrainerChannel, generation: number, replica: Replica, plan: Train): Promise<void> {
  const own = Array.from({ length: plan.microBatches }, (_, i) => plan.firstMicroBatch + i);
  const received = new Float32Array(plan.alone ? TAIL : replica.exchangedLength);
  const last = plan.firstStep + plan.learningRates.length - 1;
  let step = plan.firstStep;
  try {
    for (; step <= last; step++) {
      const tree = new TreeSum();
      for (const microBatch of own) tree.add(replica.leaves + microBatch, replica.gradient(step, microBatch));
      for (const [node, vector] of tree.nodes()) {
        const exchanged = plan.alone ? vector.subarray(-TAIL) : vector;
        await channel.sendTensor({ kind: TensorKind.GRADIENT, generation, step, node }, exchanged);
      }
      // While the others finish and the sum travels.
      if (step < last) for (const microBatch of own) replica.prepare(step + 1, microBatch);
      await channel.receiveTensor({ kind: TensorKind.SUM, generation, step, node: 0 }, received);
      const sum = plan.alone ? tree.total : received;
      if (!sum) throw new Failure('trainers', 'the coordinator left micro-batches out: are both sides of one version?');
      replica.apply(step, sum, plan.learningRates[step - plan.firstStep]);
    }
  } catch (error) {
    if (!(error instanceof Halted)) throw error;
  }
  await channel.send(encodeFromTrainer({ $case: 'trained', value: { weightsHash: replica.weightsHash(step - 1) } }));
}

/** The header of a tensor that belongs to no step. */
const untimed = (kind: TensorKind, generation: number) => ({ kind, generation, step: 0, node: 0 });

const unexpected = (what: string) =>
  new Failure('trainers', `the coordinator sent ${what} out of turn: are both sides of one version?`);
