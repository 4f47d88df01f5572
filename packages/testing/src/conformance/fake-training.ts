import { nodeHost } from '@prunegrid/core/node';
import type { TrainerGroup } from '@prunegrid/coordinator/cluster';
import type { Spec } from '@prunegrid/coordinator/experiment/spec';
import type { LayerToPrune } from '@prunegrid/coordinator/training/layers';
import type { Training } from '@prunegrid/coordinator/training/methods';
import { Projector } from '@prunegrid/coordinator/training/projecting';
import { piecesOf, type TensorData } from '@prunegrid/core/safetensors';
import { atMost } from '@prunegrid/numerics/constraints';
import type { ModelDescription } from '@prunegrid/trainer/models';

/** A model with one layer of 2 x 4 weights and its biases. */
export const model: ModelDescription = {
  name: 'one-layer',
  parameters: [
    { name: 'one.weight', layer: 'one', kind: 'weight', shape: [2, 4], offset: 0, size: 8 },
    { name: 'one.bias', layer: 'one', kind: 'bias', shape: [4], offset: 8, size: 4 },
  ],
  layers: [{ name: 'one', kind: 'dense', weights: 8, reads: ['input'], combination: 'add' }],
  size: 12,
  input: { shape: [2], type: 'float32' },
  classes: 4,
  dropouts: [],
};
export const layers: readonly LayerToPrune[] = [
  { name: 'one', constraint: atMost(3), shape: [2, 4], offset: 0, size: 8 },
];
export const weights = Float32Array.of(0.5, -1.5, 2, 0.25, -0.75, 1, -0.125, 0.625, 0.1, 0.2, 0.3, 0.4);
/** The weights to which training without a penalty converges. */
const optimum = Float32Array.of(1, -1, 1.5, 0.5, -1, 0.75, -0.5, 0.25, 0, 0.1, 0.2, 0.3);

type Own = NonNullable<Awaited<ReturnType<Training['resume']>>>['own'];
type Kept = ReturnType<NonNullable<Parameters<Training['trainEpoch']>[1]>>;

/** The data that a run has on its disk after the last step of an unfinished epoch. */
export interface Saved {
  epoch: number;
  W: Float32Array;
  survivors: Uint32Array | undefined;
  own: { values?: Kept['values']; tensors: ReadonlyMap<string, Float32Array> };
}

/**
 * A training in which each epoch is one step towards an optimum and, because of the penalty, towards Z - U. It uses no
 * random numbers. It is saved after each step, and records calls in the wrong order.
 */
export class FakeTraining implements Training {
  readonly context: Training['context'];
  readonly saved: Saved[] = [];
  readonly mistakes: string[] = [];
  totalEpochs = 1;
  epoch = 0;
  private W: Float32Array | undefined;
  private survivors: Uint32Array | undefined;
  private penalty: { rho: number; target: Float32Array } | undefined;
  private skipped = 0;
  private begun = false;
  /** Whether the step of the epoch is already done, as it is just after a resume. */
  private stepped = false;

  constructor(
    spec: Spec,
    private readonly from?: Saved,
  ) {
    const group = {
      setPenalty: async ([{ rho }]: { rho: number }[], target: TensorData) => {
        this.penalty = { rho, target: wholeOf(target) };
      },
      fetchWeights: async (memory = new Float32Array(this.weights.length)) => {
        memory.set(this.weights);
        return memory;
      },
    } as unknown as TrainerGroup;
    this.context = { runtime: nodeHost, spec, model, group, projector: new Projector(nodeHost) };
  }

  /** The number of epochs that were trained or skipped on purpose. */
  get trained(): number {
    return this.epoch + this.skipped;
  }

  private get weights(): Float32Array {
    if (!this.W) throw new Error('the trainers were given no weights');
    return this.W;
  }

  announce(phase: string): void {
    if (this.begun || phase !== 'prune') this.mistakes.push(`announce(${phase})`);
    this.begun = true;
    this.epoch = 0;
  }

  async setParameters(_phase: string, W: Float32Array, survivors?: Uint32Array): Promise<void> {
    this.W = W.slice();
    this.survivors = survivors;
  }

  async resume(phase: string): Promise<{ own: Own } | undefined> {
    if (!this.from || phase !== 'prune') return undefined;
    const { epoch, W, survivors, own } = this.from;
    this.W = W.slice();
    Object.assign(this, { epoch, survivors, begun: true, stepped: true });
    const { values, tensors } = own;
    return { own: { ...(values && { values }), read: async (name) => tensors.get(name)?.slice() } };
  }

  async trainEpoch(phase: string, own: Parameters<Training['trainEpoch']>[1] = () => ({})) {
    if (!this.begun || phase !== 'prune') this.mistakes.push(`trainEpoch(${phase})`);
    if (!this.stepped) this.step();
    this.stepped = false;
    this.saved.push({ epoch: this.epoch, W: this.weights.slice(), survivors: this.survivors, own: inMemory(own()) });
    this.epoch++;
    this.totalEpochs++;
    return { accuracy: 0.5, loss: 1 };
  }

  private step(): void {
    const W = this.weights;
    const { penalty } = this;
    for (const i of this.survivors ?? W.keys()) {
      const pull = penalty && i < penalty.target.length ? penalty.rho * (W[i] - penalty.target[i]) : 0;
      W[i] -= 0.1 * (W[i] - optimum[i] + pull);
    }
  }

  record(): void {}

  checkpoint(): void {}

  skipEpochs(count: number): void {
    this.skipped += count;
  }

  dropVector(): void {
    // Nothing here is large.
  }
}

/** Returns a copy of the data, in which each tensor is contiguous. */
const inMemory = ({ values, tensors = {} }: Kept): Saved['own'] => ({
  ...(values && { values }),
  tensors: new Map(Object.entries(tensors).map(([name, tensor]) => [name, wholeOf(tensor)])),
});

const wholeOf = (tensor: TensorData): Float32Array =>
  Float32Array.from([...piecesOf(tensor)].flatMap((piece) => [...piece]));
