import { free } from '@prunegrid/core/node/memory';
import { STEP_METRICS } from '@prunegrid/numerics/rounds';
import type * as tensorflow from '@tensorflow/tfjs';

import type { Batch } from '../../datasets/index.js';
import type { Model } from '../../models/index.js';
import type { BatchScore, Network } from '../host/network.js';
import {
  arraysOf,
  batchScore,
  type Computation,
  gradientOf,
  recordComputation,
  scoreOf,
  scoreSize,
} from '../recording/model-computations.js';
import type { NativeVector } from './graph/native-vector.js';
import { GraphSession } from './graph/session.js';
import type { Backend } from './kernels.js';

type TensorFlow = typeof tensorflow;

/**
 * The number of parameters from which on a gradient is returned as a tensor for each parameter. To join them takes
 * memory for a second gradient, 244 MB for AlexNet, but a small one is read faster as a whole.
 */
const IN_PARTS = 2 ** 20;

/** Opens networks that share their graphs: each computation is recorded only once for each model and batch size. */
export class TensorFlowNetworks {
  private readonly sessions = new Map<string, GraphSession>();

  constructor(
    private readonly tf: TensorFlow,
    private readonly backend: Backend,
  ) {}

  open(model: Model): TensorFlowNetwork {
    return new TensorFlowNetwork(model, this);
  }

  /** Returns the session of a computation, and records it first if it does not exist yet. */
  session(computation: Computation): GraphSession {
    let session = this.sessions.get(computation.key);
    if (!session) {
      const { tf, backend } = this;
      session = new GraphSession(backend, recordComputation(tf, backend, computation));
      this.sessions.set(computation.key, session);
    }
    return session;
  }

  delete(tensor: number): void {
    this.backend.binding.deleteTensor(tensor);
  }
}

/** A network that keeps its parameters as native tensors, which all runs use. */
class TensorFlowNetwork implements Network {
  private parameters: Float32Array[] = [];
  /** The native tensors of `parameters`. They are created at their first use. */
  private tensors: number[] = [];
  /** The gradient that was computed last. */
  private latest: NativeVector | undefined;

  constructor(
    private readonly model: Model,
    private readonly networks: TensorFlowNetworks,
  ) {}

  setParameters(parameters: Float32Array): void {
    this.close();
    this.parameters = this.model.parameters.map(({ offset, size }) => parameters.subarray(offset, offset + size));
  }

  gradient(batch: Batch, scale: number, dropout?: readonly Float32Array[], labelSmoothing = 0): NativeVector {
    const { model, parameters } = this;
    const inParts = model.size >= IN_PARTS;
    const gradient = gradientOf(model, { parameters, batch, dropout }, scale, labelSmoothing, inParts);
    this.latest?.moveToHost();
    this.latest = this.run(gradient, model.size + STEP_METRICS);
    return this.latest;
  }

  score(batch: Batch): BatchScore {
    const { model, parameters } = this;
    return batchScore(model, this.run(scoreOf(model, { parameters, batch }), scoreSize(model)).read());
  }

  discard(values: Float32Array): void {
    if (values.length >= IN_PARTS) free(values);
  }

  close(): void {
    for (const tensor of this.tensors) this.networks.delete(tensor);
    this.tensors = [];
    this.latest = undefined;
  }

  private run(computation: Computation, length: number): NativeVector {
    const session = this.networks.session(computation);
    if (this.tensors.length === 0) this.tensors = this.parameters.map((values, i) => session.input(i, values));
    const own = arraysOf(computation.inputs)
      .slice(this.parameters.length)
      .map((values, i) => session.input(this.parameters.length + i, values));
    try {
      return session.run([...this.tensors, ...own], length);
    } finally {
      for (const tensor of own) this.networks.delete(tensor);
    }
  }
}
