import { STEP_METRICS } from '@prunegrid/numerics/rounds';
import { coveringNodes } from '@prunegrid/numerics/summation/tree-sum';
import type { PjrtBuffer } from '@prunegrid/pjrt';

import type {
  Evaluation,
  EvaluationRequest,
  LayerPenalty,
  PartialSums,
  Replica,
  ReplicaStart,
  RunOptions,
} from '../engine.js';
import { hashOf, nonFinite } from '../host/non-finite.js';
import type { XlaContext } from './context.js';
import { type Buffers, type Device, release } from './device.js';
import { evaluateOn } from './evaluation.js';
import type { Program } from './lowering/program.js';
import { beginPhase, penaltyOf, type PhaseOnDevice } from './phase.js';
import { type PhaseLayout, pieceProgram, stepsProgram, sumsProgram, weightsProgram } from './programs/phase.js';
import { copyProgram, rowProgram } from './programs/vectors.js';
import { runsOf, stepData } from './step-data.js';

/** The steps of one call, if the training examples are on the device. Others are copied for each step. */
const STEPS_PER_CALL = 64;

/**
 * A replica whose W, moments, survivors, penalty and data set are in the device's memory. Alone, it makes many steps in
 * a call; with others, the partial sums leave the device once a step, and the update is applied there.
 */
export class XlaReplica implements Replica {
  private host: Float32Array | undefined;
  /** The number of elements of `target` that have been updated on the device since `beginUpdate`. */
  private updatedHere = 0;
  /** The numbers of the update that has begun. */
  private constants: PjrtBuffer | undefined;
  private penalty: Buffers = {};

  private constructor(
    private readonly context: XlaContext,
    private readonly shared: PhaseOnDevice,
    /** W's trained parameters, the moments and the residuals. */
    private state: Buffers,
    private steps: number,
  ) {
    shared.holders++;
  }

  static async open(context: XlaContext, start: ReplicaStart): Promise<XlaReplica> {
    const { phase, state } = await beginPhase(context, start);
    return new XlaReplica(context, phase, state, start.state?.steps ?? 0);
  }

  private get device(): Device {
    return this.context.device;
  }

  get target(): Float32Array {
    return (this.host ??= new Float32Array(this.layout.trained));
  }

  async setPenalty(layers: readonly LayerPenalty[], target: Float32Array): Promise<void> {
    const { pull, rhos } = penaltyOf(this.shared.start, this.layout.trained, layers, target);
    release(this.penalty);
    this.penalty = { penalty: await this.device.put(pull), rho: await this.device.put(rhos) };
  }

  prepare(step: number, microBatches: readonly number[]): void {
    if (this.shared.examples) return;
    for (const microBatch of microBatches) this.shared.batches.prepare(step, microBatch);
  }

  async runSteps(
    firstStep: number,
    learningRates: readonly number[],
    { microBatch, signal }: RunOptions = {},
  ): Promise<Float32Array> {
    const most = this.shared.examples ? STEPS_PER_CALL : 1;
    const all = new Float32Array(STEP_METRICS * learningRates.length);
    for (let done = 0; done < learningRates.length; done += most) {
      const rates = learningRates.slice(done, done + most);
      const metrics = await this.runCall(firstStep + done, rates, most, microBatch);
      for (let i = 0; i < rates.length; i++) await this.requireFinite(firstStep + done + i, metrics[STEP_METRICS * i]);
      all.set(metrics, STEP_METRICS * done);
      await this.context.clock.turn();
      signal?.throwIfAborted();
    }
    return all;
  }

  async computeGradients(step: number, microBatches: readonly number[]): Promise<PartialSums> {
    const { device, layout, shared } = this;
    const { buffers } = shared;
    // Runs of consecutive micro-batches have the sums of the tree's nodes within them.
    const vectors: (readonly [number, Float32Array])[] = [];
    const length = layout.trained + STEP_METRICS;
    for (const { first, count } of runsOf(microBatches)) {
      const program = this.program(`sums/${first}/${count}`, () =>
        sumsProgram(layout, this.recording(1 / layout.leaves), first, count),
      );
      const data = await stepData(
        device,
        shared,
        step,
        1,
        Array.from({ length: count }, (_, i) => first + i),
      );
      const { sums, ...changed } = await device.run(program, { ...this.state, ...buffers, ...data.own, ...data.kept });
      release(data.own);
      this.state = { ...this.state, ...changed };
      const nodes = coveringNodes(first, count, layout.leaves);
      const values = await device.take(sums, nodes.length * length);
      nodes.forEach((node, i) => vectors.push([node, values.subarray(i * length, (i + 1) * length)]));
    }
    return vectors.sort(([a], [b]) => a - b);
  }

  async beginUpdate(step: number, loss: number, learningRate: number): Promise<void> {
    await this.requireFinite(step, loss);
    this.constants?.release();
    this.constants = await this.device.put(Float32Array.from(this.shared.rule.constantsAt(++this.steps, learningRate)));
    this.updatedHere = 0;
  }

  async applyUpdate(from: number, sum: Float32Array): Promise<void> {
    const { device, layout, shared } = this;
    const { length } = sum;
    if (length === 0) return;
    if (layout.clipping !== undefined && length !== layout.trained) {
      throw new RangeError('only a whole gradient can be clipped');
    }
    const program = this.program(`piece/${length}`, () => pieceProgram(layout, length));
    const own = { sum: await device.put(sum), from: await device.put(Int32Array.of(from), []) };
    const constants = this.constants as PjrtBuffer;
    const inputs = { ...this.state, ...shared.buffers, ...this.penalty, ...own, constants };
    const { piece, ...changed } = await device.run(program, inputs);
    release(own);
    this.state = { ...this.state, ...changed };
    await device.take(piece, length, this.target.subarray(from, from + length));
    this.updatedHere += length;
  }

  async commit(): Promise<void> {
    // The device lacks what other trainers have updated.
    if (this.updatedHere < this.layout.trained) await this.replace({ target: this.target });
  }

  async requireFinite(step: number, loss: number): Promise<void> {
    if (!Number.isFinite(loss)) throw nonFinite(this.layout.model, await this.readWeights(), step);
  }

  async fork(): Promise<XlaReplica> {
    const { context, device, shared, steps } = this;
    const copies = async (buffers: Buffers) => {
      const copied: Record<string, PjrtBuffer> = {};
      for (const [name, value] of Object.entries(buffers)) {
        const shape = name === 'residuals' ? [this.layout.leaves, this.layout.trained] : [this.layout.trained];
        copied[name] = (await device.run(copyProgram(shape), { value })).copy;
      }
      return copied;
    };
    const fork = new XlaReplica(context, shared, await copies(this.state), steps);
    fork.penalty = await copies(this.penalty);
    return fork;
  }

  async readState(): Promise<Float32Array> {
    const { trained } = this.layout;
    const names = this.stateNames;
    const all = new Float32Array(names.length * trained);
    for (const [i, name] of names.entries()) await this.state[name].read(all.subarray(i * trained, (i + 1) * trained));
    return all;
  }

  async setState(state: Float32Array, steps: number): Promise<void> {
    const { trained } = this.layout;
    const parts = this.stateNames.map((name, i) => [name, state.subarray(i * trained, (i + 1) * trained)] as const);
    await this.replace(Object.fromEntries(parts));
    this.steps += steps;
  }

  async readWeights(): Promise<Float32Array> {
    const { layout } = this;
    const all = new Float32Array(layout.model.size);
    if (!layout.masked) return this.state.target.read(all);
    return this.device.take(await this.weights(), all.length);
  }

  async readMoments(from: number, to: number): Promise<readonly Float32Array[]> {
    const moments: Float32Array[] = [];
    for (const name of this.stateNames.slice(1)) {
      moments.push((await this.state[name].read(new Float32Array(this.layout.trained))).subarray(from, to));
    }
    return moments;
  }

  async readResidual(microBatch: number): Promise<Float32Array> {
    const { device, layout, state } = this;
    if (!layout.bfloat16) return new Float32Array(layout.trained);
    const position = await device.put(Int32Array.of(microBatch), []);
    const program = rowProgram(layout.leaves, layout.trained);
    const { row } = await device.run(program, { rows: state.residuals, position });
    position.release();
    return device.take(row, layout.trained);
  }

  async evaluate(request: EvaluationRequest): Promise<Evaluation> {
    const { context, layout, shared, state } = this;
    const weights = layout.masked ? await this.weights() : state.target;
    try {
      return await evaluateOn(context, layout.model, shared.start.dataset, weights, request);
    } finally {
      if (layout.masked) weights.release();
    }
  }

  async hashWeights(step: number): Promise<string> {
    return hashOf(this.layout.model, await this.readWeights(), step);
  }

  close(): void {
    release(this.state);
    release(this.penalty);
    this.constants?.release();
    if (--this.shared.holders === 0) release(this.shared.buffers);
  }

  private get layout(): PhaseLayout {
    return { ...this.shared.layout, penalised: 'rho' in this.penalty };
  }

  /** The names of the vectors that a step changes, in the order of `readState`. */
  private get stateNames(): string[] {
    return Object.keys(this.state).filter((name) => name !== 'residuals');
  }

  /** Makes at most `most` steps in one call, and returns their metrics. */
  private async runCall(
    firstStep: number,
    rates: readonly number[],
    most: number,
    microBatch: number | undefined,
  ): Promise<Float32Array> {
    const { device, shared } = this;
    const { layout } = this;
    const isLocal = microBatch !== undefined;
    const program = this.program(isLocal ? 'local' : 'steps', () =>
      stepsProgram(layout, this.recording(isLocal ? 1 : 1 / layout.leaves), most, isLocal),
    );
    const microBatches = isLocal ? [microBatch] : Array.from({ length: layout.leaves }, (_, i) => i);
    const data = await stepData(device, shared, firstStep, rates.length, microBatches, most, isLocal ? microBatch : 0);
    const constants = new Float32Array(most * layout.constants);
    rates.forEach((rate, i) => constants.set(shared.rule.constantsAt(++this.steps, rate), i * layout.constants));
    const own = {
      ...data.own,
      constants: await device.put(constants, [most, layout.constants]),
      count: await device.put(Int32Array.of(rates.length), []),
    };
    const inputs = { ...this.state, ...shared.buffers, ...this.penalty, ...data.kept, ...own };
    const { metrics, ...changed } = await device.run(program, inputs);
    release(own);
    this.state = { ...this.state, ...changed };
    return (await device.take(metrics, most * STEP_METRICS)).subarray(0, rates.length * STEP_METRICS);
  }

  private recording(scale: number) {
    const { context, layout, shared } = this;
    const { dropout, labelSmoothing = 0 } = shared.start.phase;
    const drops = layout.model.dropouts.some((_, i) => (typeof dropout === 'number' ? dropout : dropout[i]) > 0);
    return context.recordings.gradient(layout.model, layout.samples, scale, drops, labelSmoothing);
  }

  /** Returns the program of a name for the current layout, and writes it at its first use. */
  private program(name: string, write: () => Program): Program {
    const key = `${name}/${this.layout.penalised}`;
    const program = this.shared.programs.get(key) ?? write();
    this.shared.programs.set(key, program);
    return program;
  }

  /** Returns W of a masked phase in a buffer of its own. */
  private async weights(): Promise<PjrtBuffer> {
    const { device, layout, shared, state } = this;
    const program = this.program('weights', () => weightsProgram(layout));
    return (await device.run(program, { ...state, ...shared.buffers })).weights;
  }

  /** Replaces parts of the state by values on the host. */
  private async replace(parts: Readonly<Record<string, Float32Array>>): Promise<void> {
    for (const [name, values] of Object.entries(parts)) {
      const buffer = await this.device.put(values);
      this.state[name].release();
      this.state = { ...this.state, [name]: buffer };
    }
  }
}
