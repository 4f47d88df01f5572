import { PeerListener } from '@prunegrid/transport/peers/peer-listener';
import type { Ready, Workload } from '@prunegrid/proto';

import { loadDataset } from '../datasets/index.js';
import { loadTensorFlow } from '../engines/tensorflow/tensorflow.js';
import { Failure } from '@prunegrid/core/failure';
import type { MessageStream, Runtime } from '@prunegrid/core/runtime';
import { models } from '../models/index.js';
import { openChannel, type TrainerChannel } from './channel.js';
import { helloOf, join } from './handshake.js';
import { serveLease, type TrainerContext } from './lease.js';
import { afterMessage, type LeasedState, type TrainerState } from './state.js';
import { reportFailure } from './trouble.js';

/** Time allowed for the coordinator to accept the connection, in milliseconds. */
const CONNECT_MS = 30_000;

export interface TrainerOptions {
  /** HOST:PORT of the coordinator, or unix:PATH. */
  coordinator: string;
  /** prunegrid's version; the coordinator refuses a trainer that has another one. */
  version: string;
  /** Prints one line for whoever watches this trainer. */
  report: (line: string) => void;
  runtime: Pick<Runtime, 'clock' | 'processes' | 'transport'>;
}

/** Connects to the coordinator and obeys it until it says that the trainer may leave. Throws Failure if it cannot be reached, refuses this trainer or hangs up. */
export async function serve(options: TrainerOptions): Promise<void> {
  const { coordinator } = options;
  const channel = openChannel(await connect(options), coordinator);
  try {
    await converse(channel, options);
  } catch (error) {
    await reportFailure(channel, error);
    throw error;
  } finally {
    channel.close();
  }
}

async function connect({ coordinator, runtime }: TrainerOptions): Promise<MessageStream> {
  try {
    return await runtime.transport.connect('coordination', coordinator, CONNECT_MS);
  } catch (error) {
    throw new Failure(
      'trainers',
      `${coordinator}: no coordinator answers there (${(error as Error).message}): check --coordinator and that it runs`,
      { cause: error },
    );
  }
}

async function converse(
  channel: TrainerChannel,
  { coordinator, version, report, runtime }: TrainerOptions,
): Promise<void> {
  const joined = await join(channel, helloOf(version, runtime.processes), load);
  const { engine } = joined.loaded;
  const { transport, clock } = runtime;
  const openPeerListener = async () => PeerListener.open(runtime, await transport.routableAddress(coordinator));
  report(`admitted as trainer ${joined.trainer}: ${engine.name} ${engine.version} on ${engine.device}`);
  const context = { ...joined.loaded, openPeerListener, transport, clock };
  let state: TrainerState = joined.state;
  for (;;) {
    state = afterMessage(state, await channel.receive());
    if (state.name === 'ended') break;
    state = await serveLease(channel, state as LeasedState, context);
  }
  report('the coordinator is done with this trainer');
}

/** Loads the model, the data set and the engine. Throws Failure if one of them is not there. */
async function load(
  workload: Workload,
): Promise<{ ready: Ready; loaded: Pick<TrainerContext, 'engine' | 'model' | 'dataset'> }> {
  const model = models.get(workload.model);
  if (!model || !workload.dataset)
    throw new Failure('input', `no model ${workload.model} here: install the coordinator's version of prunegrid`);
  const { name, validation, limit } = workload.dataset;
  const dataset = await loadDataset({ name, validation, limit: limit || undefined });
  const engine = loadTensorFlow(workload.threads);
  const ready = {
    engine: engine.name,
    engineVersion: engine.version,
    device: engine.device,
    memoryBytes: engine.memoryBytes,
    datasetHash: dataset.hash,
    trainingImages: dataset.training.count,
    validationImages: dataset.validation.count,
    testImages: dataset.test.count,
    parameters: model.size,
  };
  return { ready, loaded: { engine, model, dataset } };
}
