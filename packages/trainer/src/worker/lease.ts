import {
  type BeginPhase,
  encodeFromTrainer,
  type FetchMoments,
  type Rendezvous,
  type SetPenalty,
  TensorKind,
} from '@prunegrid/proto';
import type { PeerListener } from '@prunegrid/transport/peers/peer-listener';

import type { Replica } from '../engines/index.js';
import { Failure } from '@prunegrid/core/failure';
import type { Runtime } from '@prunegrid/core/runtime';
import { momentCounts, type OptimizerState } from '@prunegrid/numerics/optimizers';
import { LeaseEnded, type TrainerChannel } from './channel.js';
import { sha256Of } from '@prunegrid/core/vector-hash';
import { evaluate } from './evaluation.js';
import { PeerGroup } from '../collectives/peer-group.js';
import { PeerLost } from '../collectives/peer-lost.js';
import { microBatchesOf } from './rounds/round-runner.js';
import { train, type TrainTask } from './train.js';
import { afterFailure, afterMessage, afterTraining, type LeasedState, type TrainerState, unexpected } from './state.js';
import { requireBlocks, requireMicroBatch, requirePhase, requireRank } from './requests.js';
import { reportFailure } from './trouble.js';
import type { LoadedWorkload } from './workload.js';

/** The objects that a trainer uses in all its leases. */
export interface TrainerContext extends LoadedWorkload, Pick<Runtime, 'clock' | 'transport' | 'memory'> {
  /** Opens a listener for other trainers. Rejects if other trainers cannot connect to this one. */
  openPeerListener: () => Promise<PeerListener>;
}

type Command = Awaited<ReturnType<TrainerChannel['receive']>>;

/**
 * Serves one lease to its end, and returns the state after it. If training fails or another trainer is lost, it reports
 * this to the coordinator, and only the lease ends. It throws all other failures, which end this trainer.
 */
export async function serveLease(
  channel: TrainerChannel,
  state: LeasedState,
  context: TrainerContext,
): Promise<TrainerState> {
  const { generation } = state;
  const lease = new Lease(channel, state, context);
  try {
    await lease.runCommands().catch(async (error: unknown) => {
      if (!(error instanceof PeerLost || (error instanceof Failure && error.kind === 'training'))) throw error;
      lease.state = afterFailure(lease.state);
      await reportFailure(channel, error);
      for (;;) afterMessage(lease.state, await channel.receive());
    });
  } catch (error) {
    if (!(error instanceof LeaseEnded)) throw error;
    await channel.send(encodeFromTrainer({ $case: 'released', value: { generation } }));
  } finally {
    await lease.close();
  }
  return afterMessage(lease.state, { $case: 'release' });
}

class Lease {
  private replica: Replica | undefined;
  private phase: TrainTask['phase'] | undefined;
  /** The listener for other trainers. It is open between the messages OpenRendezvous and Rendezvous. */
  private listener: PeerListener | undefined;
  private peers: PeerGroup | undefined;
  /** The micro-batches of the last Train message. */
  private microBatches: number[] = [];
  private readonly generation: number;

  constructor(
    private readonly channel: TrainerChannel,
    public state: LeasedState,
    private readonly context: TrainerContext,
  ) {
    this.generation = state.generation;
  }

  /** Executes the coordinator's commands one at a time, until LeaseEnded is thrown. */
  async runCommands(): Promise<never> {
    for (;;) {
      const command = await this.channel.receive();
      this.state = afterMessage(this.state, command) as LeasedState;
      if (!(await this.prepare(command))) await this.compute(command);
    }
  }

  async close(): Promise<void> {
    this.closeReplica();
    this.peers?.close();
    await this.listener?.close();
  }

  private closeReplica(): void {
    this.replica?.close();
    this.replica = undefined;
  }

  /** Frees the memory of what was dropped before, at least a vector of the model's size. */
  private dropVector(): void {
    const { memory, model } = this.context;
    memory.dropped(Float32Array.BYTES_PER_ELEMENT * model.size);
  }

  /** Executes a command that is allowed before the trainer has weights. Returns false for any other command. */
  private async prepare(command: Command): Promise<boolean> {
    switch (command.$case) {
      case 'openRendezvous': {
        this.listener = await this.context.openPeerListener().catch(() => undefined);
        const address = this.listener?.address ?? '';
        await this.channel.send(encodeFromTrainer({ $case: 'rendezvousAddress', value: { address } }));
        return true;
      }
      case 'rendezvous':
        await this.rendezvous(command.value);
        return true;
      case 'beginPhase':
        this.closeReplica();
        this.dropVector();
        await this.beginPhase(command.value);
        // The replica may have copied what was received.
        this.dropVector();
        return true;
      default:
        return false;
    }
  }

  private async compute(command: Command): Promise<void> {
    const { channel, generation, replica, phase, peers } = this;
    if (!replica || !phase) throw unexpected(command.$case);
    switch (command.$case) {
      case 'setPenalty':
        await this.setPenalty(replica, command.value);
        this.dropVector();
        break;
      case 'train': {
        requireRank(command.value, peers);
        this.microBatches = microBatchesOf(command.value, phase.microBatches);
        await train({
          channel,
          generation,
          replica,
          phase,
          plan: command.value,
          peers,
          clock: this.context.clock,
          takeNotices: () => this.takeNotices(),
        });
        this.state = afterTraining(this.state);
        break;
      }
      case 'hashGradient': {
        const { step, microBatch } = command.value;
        requireMicroBatch(microBatch, phase);
        const [[, gradient]] = await replica.computeGradients(step, [microBatch]);
        await channel.send(encodeFromTrainer({ $case: 'gradientHash', value: { hash: sha256Of(gradient) } }));
        break;
      }
      case 'evaluate': {
        requireBlocks(command.value, this.context.dataset);
        const value = { ...(await evaluate(replica, command.value)), notices: this.takeNotices() };
        await channel.send(encodeFromTrainer({ $case: 'evaluated', value }));
        break;
      }
      case 'fetchWeights':
        await channel.sendTensor(this.header(TensorKind.WEIGHTS), await replica.readWeights());
        break;
      case 'fetchMoments':
        await this.sendMoments(replica, command.value);
        break;
      case 'fetchResiduals':
        for (const node of this.microBatches) {
          await channel.sendTensor({ ...this.header(TensorKind.RESIDUAL), node }, await replica.readResidual(node));
        }
        break;
      default:
        throw unexpected(command.$case);
    }
  }

  private async rendezvous(rendezvous: Rendezvous): Promise<void> {
    if (!this.listener) throw unexpected('rendezvous');
    let problem = '';
    try {
      this.peers = await PeerGroup.rendezvous(this.listener, rendezvous, this.context);
    } catch (error) {
      problem = (error as Error).message;
    }
    // Closing the listener does not close the streams that it has accepted.
    await this.listener.close();
    await this.channel.send(encodeFromTrainer({ $case: 'rendezvousResult', value: { problem } }));
  }

  private async beginPhase(phase: BeginPhase): Promise<void> {
    const { channel } = this;
    const { engine, model, dataset } = this.context;
    const { optimizer } = phase;
    if (!optimizer) throw new Failure('input', 'the coordinator named no optimizer: are both sides of one version?');
    requirePhase(phase, model.size, dataset);
    const weights = await channel.receiveTensor(this.header(TensorKind.WEIGHTS), new Float32Array(model.size));
    const survivors = phase.masked
      ? await channel.receiveTensor(this.header(TensorKind.SURVIVORS), new Uint32Array(phase.survivors))
      : undefined;
    const state = await this.receiveState(phase, (survivors ?? weights).length);
    const dropout = phase.networkDropout ? model.dropouts.map(({ rate = 0 }) => rate) : phase.dropout;
    this.phase = { ...phase, optimizer, dropout, syncEvery: Math.max(1, phase.syncEvery) };
    this.replica = await engine.openReplica({ model, dataset, phase: this.phase, weights, survivors, state });
  }

  private async receiveState(phase: BeginPhase, trained: number): Promise<OptimizerState | undefined> {
    const { optimizer, optimizerSteps: steps } = phase;
    if (!optimizer || steps === 0) return undefined;
    const receive = async (kind: TensorKind, count: number) => {
      const tensors: Float32Array[] = [];
      for (let node = 0; node < count; node++) {
        const header = { ...this.header(kind), node };
        tensors.push(await this.channel.receiveTensor(header, new Float32Array(trained)));
      }
      return tensors;
    };
    const moments = await receive(TensorKind.MOMENTS, momentCounts[optimizer.$case]);
    const residuals = await receive(TensorKind.RESIDUAL, phase.bfloat16 ? phase.microBatches : 0);
    return { steps, moments, residuals };
  }

  private async setPenalty(replica: Replica, { layers }: SetPenalty): Promise<void> {
    const { model } = this.context;
    const weightsOf = (layer: string) => model.layers.find(({ name }) => name === layer)?.weights ?? 0;
    const size = layers.reduce((sum, { layer }) => sum + weightsOf(layer), 0);
    await replica.setPenalty(
      layers,
      await this.channel.receiveTensor(this.header(TensorKind.TARGET), new Float32Array(size)),
    );
  }

  private async sendMoments(replica: Replica, { from, to }: FetchMoments): Promise<void> {
    for (const [node, moment] of (await replica.readMoments(from, to)).entries()) {
      await this.channel.sendTensor({ ...this.header(TensorKind.MOMENTS), node }, moment);
    }
  }

  private takeNotices(): string[] {
    return this.context.dataset.takeNotices?.() ?? [];
  }

  /** Returns the header of a tensor that does not belong to a step. */
  private header(kind: TensorKind) {
    return { kind, generation: this.generation, step: 0, node: 0 };
  }
}
