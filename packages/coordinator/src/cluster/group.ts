import { type BeginPhase, encodeFromCoordinator, type LayerPenalty, type Split, TensorKind } from '@prunegrid/proto';
import { roundsOf } from '@prunegrid/numerics/rounds';
import { type Traffic } from '@prunegrid/transport/channel';
import { Failure } from '@prunegrid/core/failure';
import type { Runtime } from '@prunegrid/core/runtime';
import type { TensorData } from '@prunegrid/core/safetensors';
import type { WaitLimits } from '@prunegrid/core/wait-limits';
import { momentCounts, type OptimizerState } from '@prunegrid/numerics/optimizers/state';
import type { Reduction } from '@prunegrid/trainer/reductions';

import type { Trainer } from './trainer.js';
import { Broadcast } from './broadcast.js';
import { Dealing } from './dealing.js';
import { type Evaluation, evaluateOn } from './evaluation.js';
import { fetchMoments, fetchResiduals } from './fetching.js';
import { Notices } from './notices.js';
import { oddOnes } from './outliers.js';
import { chooseReduction } from './reduction.js';
import type { WaitTimes } from './watchdog.js';
import { rendezvous } from './rendezvous.js';
import { type StepOutcome, trainInLockstep, trainOnCredits } from './rounds.js';

/** The micro-batch whose gradient is compared: always the same one, because an engine may compile a program for each. */
const COMPARED = 0;

/** The trainers cannot reach each other, and the user insists on a reduction that needs it. */
export class PeersUnreachable extends Failure {}

export interface GroupOptions {
  /** Reduction that the user asked for; by default the faster one for the length of the exchanged vectors. */
  reduction?: Reduction | undefined;
  /** Limits on how long a trainer may be silent. */
  limits: WaitLimits;
  /** How long the job's waits have taken so far, which its groups learn one after the other. */
  times: WaitTimes;
  /** Whether losses may be negative. */
  negativeLosses: boolean;
  runtime: Pick<Runtime, 'clock' | 'random'>;
  warn: (line: string) => void;
  /** Aborts when the work is to end; `train` then halts at the end of a round. */
  signal?: AbortSignal | undefined;
}

/**
 * A group of trainers that are leased for one job and receive the same commands. All methods, except `release`, throw
 * Failure when a trainer leaves, reports an error or makes no progress. They throw only after every pending wait for
 * the other trainers has ended.
 */
export class TrainerGroup {
  private phase: BeginPhase | undefined;
  /** Number of parameters that the phase trains. */
  private trained = 0;
  private parameters = 0;
  private chosen: Reduction | undefined;
  private peersConnected: Promise<boolean> | undefined;
  private readonly among: Traffic = { messages: 0, bytes: 0 };
  private readonly broadcast: Broadcast;
  private readonly notices: Notices;
  private readonly dealing: Dealing;
  /** The number of micro-batches of each trainer, by rank, in the last call of `train`. */
  private shares: readonly number[] = [];

  constructor(
    readonly trainers: readonly Trainer[],
    private readonly generation: number,
    private readonly options: GroupOptions,
  ) {
    this.broadcast = new Broadcast(trainers, generation, { ...options, clock: options.runtime.clock });
    this.dealing = new Dealing(trainers, options.warn);
    this.notices = new Notices(options.warn);
  }

  get signal(): AbortSignal | undefined {
    return this.options.signal;
  }

  /** Reduction of the current phase; undefined if there is a single trainer, which has nothing to reduce. */
  get reduction(): Reduction | undefined {
    return this.chosen;
  }

  /** Traffic between the trainers in all calls of `train` that have ended. */
  get amongTrainers(): Readonly<Traffic> {
    return this.among;
  }

  /** Number of messages that came after the lease had ended, and were dropped. */
  get lateMessages(): number {
    return this.broadcast.lateMessages;
  }

  /** Leases the trainers to this group. */
  async begin(): Promise<void> {
    for (const trainer of this.trainers) trainer.lease(this.generation);
    await this.broadcast.tell({ $case: 'lease', value: { generation: this.generation } });
  }

  /** Ends the lease in any state and returns the trainers that can be leased again. Never rejects. */
  release(): Promise<Trainer[]> {
    return this.broadcast.release();
  }

  /**
   * Starts a phase: gives every trainer the same settings, weights and optimizer state.
   * @param weights values of all parameters
   * @param survivors ascending positions in `weights` of the only parameters to be trained and exchanged; all if
   * undefined
   * @param state state from which the optimizer resumes; by default it starts with zero moments
   */
  async beginPhase(
    phase: Omit<BeginPhase, 'masked' | 'survivors' | 'optimizerSteps'>,
    weights: Float32Array,
    survivors?: Uint32Array,
    { steps, moments, residuals = [] }: OptimizerState = { steps: 0, moments: [] },
  ): Promise<void> {
    const masked = survivors !== undefined;
    this.phase = { ...phase, masked, survivors: survivors?.length ?? 0, optimizerSteps: steps };
    this.parameters = weights.length;
    this.trained = survivors?.length ?? weights.length;
    if (this.trainers.length > 1) {
      this.chosen = await chooseReduction(
        this.options.reduction,
        this.exchangedLength,
        () => (this.peersConnected ??= this.connectPeers()),
      );
    }
    this.broadcast.beginPhase();
    await this.broadcast.tell({ $case: 'beginPhase', value: this.phase });
    await this.broadcast.tellTensor(TensorKind.WEIGHTS, weights);
    if (survivors) await this.broadcast.tellTensor(TensorKind.SURVIVORS, survivors);
    for (const [node, moment] of moments.entries())
      await this.broadcast.tellTensor(TensorKind.MOMENTS, moment, { node });
    for (const [node, residual] of residuals.entries())
      await this.broadcast.tellTensor(TensorKind.RESIDUAL, residual, { node });
  }

  /**
   * Sets the quadratic ADMM penalty of the phase.
   * @param target Z - U of `layers`, concatenated in the same order
   */
  async setPenalty(layers: LayerPenalty[], target: TensorData): Promise<void> {
    await this.broadcast.tell({ $case: 'setPenalty', value: { layers } });
    await this.broadcast.tellTensor(TensorKind.TARGET, target);
  }

  /**
   * Trains one step for each learning rate, beginning with step `firstStep`. It halts earlier, at the end of a round,
   * soon after `halts` returns true or the group's signal aborts.
   * @param onStep receives the loss and the number of correct answers of each step
   * @returns the number of steps that were done and the SHA-256 of W
   * @throws Failure `trainers`, also if W differs between two trainers
   */
  async train(
    firstStep: number,
    learningRates: number[],
    onStep: (outcome: StepOutcome) => void,
    halts: () => boolean = () => false,
  ): Promise<{ steps: number; weightsHash: string }> {
    const { generation, reduction } = this;
    const { clock } = this.options.runtime;
    const { microBatches, globalBatch, bfloat16, syncEvery } = this.phase as BeginPhase;
    // What rounding to bfloat16 has left out of a micro-batch's gradients is where they are computed.
    const shares = (this.shares = this.dealing.sharesOf(microBatches, bfloat16));
    const phase = { generation, microBatches, shares, globalBatch, bfloat16, syncEvery: Math.max(1, syncEvery) };
    await this.broadcast.tellEach((rank) => ({
      $case: 'train',
      value: { firstStep, learningRates, shares: [...shares], rank, reduction: reduction?.name ?? '' },
    }));
    const rounds = roundsOf(firstStep, learningRates.length, phase.syncEvery);
    const mayHalt = () => halts() || Boolean(this.signal?.aborted);
    const outcomes =
      reduction?.through === 'coordinator'
        ? trainInLockstep(this.broadcast, reduction, phase, this.exchangedLength, rounds, mayHalt)
        : trainOnCredits(this.broadcast, rounds, globalBatch, mayHalt, clock);
    const begun = clock.monotonic();
    let done = 0;
    for await (const outcome of outcomes) {
      onStep(outcome);
      done++;
    }
    const trained = await this.broadcast.ask('trained', (value) => value);
    this.notices.tell(trained.flatMap(({ notices }) => notices));
    for (const { bytesToTrainers, messagesToTrainers } of trained) {
      this.among.bytes += bytesToTrainers;
      this.among.messages += messagesToTrainers;
    }
    this.dealing.learn(trained, shares, (clock.monotonic() - begun) / 1000, bfloat16);
    const hashes = trained.map(({ weightsHash }) => weightsHash);
    this.requireSame(
      hashes,
      (odd, other) =>
        `${odd} has other weights than ${other} after step ${firstStep + done - 1}: use trainers of one kind of processor`,
    );
    return { steps: done, weightsHash: hashes[0] };
  }

  /**
   * Has all trainers compute the gradient of one micro-batch of a step at the present W, which changes nothing, and compares
   * their results to the bit. It does nothing for a single trainer, and where gradients are rounded to bfloat16, since only one
   * trainer knows what rounding has left out of a micro-batch's gradients.
   * @throws Failure `trainers`, which names a trainer whose gradient is not that of most; it is disconnected
   */
  async compareGradients(step: number): Promise<void> {
    if (this.trainers.length === 1 || this.phase?.bfloat16) return;
    await this.broadcast.tell({ $case: 'hashGradient', value: { step, microBatch: COMPARED } });
    const hashes = await this.broadcast.ask('gradientHash', ({ hash }) => hash, 'gradient');
    this.requireSame(hashes, (odd, other, isMinority) =>
      isMinority
        ? `${odd} computes another gradient than ${other} and most others in step ${step}: its processor or its memory is faulty`
        : `${odd} computes another gradient than ${other} in step ${step}: one of them is faulty, and a third one would tell which`,
    );
  }

  /**
   * Returns the accumulated error of rounding gradients to bfloat16: for each micro-batch, one vector with an element
   * for each trained parameter. It is fetched from the trainer that computes the micro-batch. The result is empty if
   * the phase does not round gradients.
   */
  async fetchResiduals(): Promise<Float32Array[]> {
    if (!this.phase?.bfloat16) return [];
    return fetchResiduals(this.broadcast, this.trainers, this.shares, this.trained);
  }

  /**
   * Measures the current weights on a part of the data set, which has `images` images.
   * @param metrics the names of the workload's metrics
   */
  async evaluate(split: Split, images: number, metrics: readonly string[]): Promise<Evaluation> {
    const { notices, ...evaluation } = await evaluateOn(this.broadcast, split, images, metrics);
    this.notices.tell(notices);
    return evaluation;
  }

  /**
   * Returns W (all parameters). It asks the first trainer only, because all trainers hold the same weights.
   * @param memory is overwritten and returned, if it is given; by default, a new array is returned
   */
  async fetchWeights(memory: Float32Array = new Float32Array(this.parameters)): Promise<Float32Array> {
    const { channel } = this.trainers[0];
    const fetch = async () => {
      await channel.send(encodeFromCoordinator({ $case: 'fetchWeights', value: {} }));
      return channel.receiveTensor(this.broadcast.header(TensorKind.WEIGHTS), memory);
    };
    return (await this.broadcast.all([fetch()]))[0];
  }

  /** Returns the optimizer's moments of the trained parameters. Each slice comes from the trainer that updates it. */
  async fetchMoments(): Promise<Float32Array[]> {
    const { optimizer } = this.phase ?? {};
    const { reduction } = this;
    // With local SGD and with clipped gradients, every trainer updates everything and holds the whole moments.
    const updatesAll = (this.phase?.syncEvery ?? 1) > 1 || this.phase?.gradientClipping !== undefined;
    const shards = reduction?.through === 'peers' && reduction.shardsMoments && !updatesAll;
    const holders = shards ? this.trainers : this.trainers.slice(0, 1);
    return fetchMoments(this.broadcast, holders, optimizer ? momentCounts[optimizer.$case] : 0, this.trained);
  }

  /** Throws Failure if the trainers' hashes are not the same, and disconnects those whose hash is not that of most. */
  private requireSame(
    hashes: readonly string[],
    describe: (odd: string, other: string, isMinority: boolean) => string,
  ): void {
    const { odd, reference, isMinority } = oddOnes(hashes);
    if (odd.length === 0) return;
    const [name, other] = [odd[0], reference].map((rank) => this.trainers[rank].name);
    const failure = new Failure('trainers', describe(name, other, isMinority));
    if (isMinority) for (const i of odd) this.broadcast.disconnect(this.trainers[i], failure);
    throw failure;
  }

  /** Number of elements that a round reduces: a gradient or, with local SGD, the parameters and the moments. */
  private get exchangedLength(): number {
    const { optimizer, syncEvery } = this.phase as BeginPhase;
    return syncEvery > 1 && optimizer ? (1 + momentCounts[optimizer.$case]) * this.trained : this.trained;
  }

  /**
   * Connects the trainers with each other. If one cannot reach another, it warns and returns false.
   * @throws Failure `trainers` instead, if the user asked for a reduction among peers
   */
  private async connectPeers(): Promise<boolean> {
    const { reduction, runtime, warn } = this.options;
    const problem = await rendezvous(this.broadcast, runtime.random);
    if (problem === undefined) return true;
    if (reduction) throw new PeersUnreachable('trainers', `--reduction ${reduction.name}: ${problem}`);
    warn(`${problem}: gradients go through the coordinator; --reduction hub does not try`);
    return false;
  }
}
