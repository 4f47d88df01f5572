import { STEP_METRICS } from '@prunegrid/numerics/rounds';
import type * as tensorflow from '@tensorflow/tfjs';

import type { Batch } from '../../datasets/index.js';
import type { Model } from '../../models/index.js';
import type { BatchScore, Network } from '../host/network.js';
import type { NativeAttribute } from '../recording/kernels.js';
import {
  arraysOf,
  batchScore,
  type Computation,
  gradientOf,
  recordComputation,
  scoreOf,
} from '../recording/model-computations.js';
import { DATA_TYPES } from '../recording/record.js';
import type { SessionBackend } from './graph/binding.js';
import type { NativeVector } from './graph/native-vector.js';
import { GraphSession } from './graph/session.js';

type TensorFlow = typeof tensorflow;

/**
 * The number of parameters from which on a gradient is returned as a tensor for each parameter. To join them takes
 * memory for a second gradient, 244 MB for AlexNet, but a small one is read faster as a whole.
 */
const IN_PARTS = 2 ** 20;

/** The number of elements of what `scoreOf` computes. */
const SCORES = 3;

/** The part of TensorFlow.js' backend for Node that is used here. TensorFlow.js' own kernels use it in the same way. */
export interface Backend extends SessionBackend {
  readonly isUsingGpuDevice: boolean;
  readonly tensorMap: { get(dataId: object): { id: number } };
  executeSingleOutput(op: string, attributes: NativeAttribute[], inputs: tensorflow.Tensor[]): tensorflow.Tensor;
}

/** Opens networks that share their graphs: each computation is recorded only once for each model and batch size. */
export class TensorFlowNetworks {
  private readonly sessions = new Map<string, GraphSession>();

  constructor(
    private readonly tf: TensorFlow,
    private readonly backend: Backend,
  ) {
    useNativeReluGradient(tf, backend);
    useUncheckedGather(tf, backend);
  }

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
    return this.run(gradient, model.size + STEP_METRICS);
  }

  score(batch: Batch): BatchScore {
    const { model, parameters } = this;
    return batchScore(model, this.run(scoreOf(model, { parameters, batch }), SCORES).read());
  }

  close(): void {
    for (const tensor of this.tensors) this.networks.delete(tensor);
    this.tensors = [];
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

/**
 * Makes TensorFlow.js compute the gradient of ReLU by TensorFlow's own operation, instead of composing it of six
 * operations. The values are the same.
 */
export function useNativeReluGradient(tf: TensorFlow, backend: Backend): void {
  tf.registerGradient({
    kernelName: 'Relu',
    outputsToSave: [true],
    gradFunc: (dy, [y]) => ({
      x: () => {
        const float32 = { name: 'T', type: backend.binding.TF_ATTR_TYPE, value: 1 };
        return backend.executeSingleOutput('ReluGrad', [float32], [dy as tensorflow.Tensor, y]);
      },
    }),
  });
}

/**
 * Makes TensorFlow.js gather without a look at the indices. Its own kernel reads them to check them, which a recording
 * cannot do; TensorFlow checks them itself when it runs.
 */
export function useUncheckedGather(tf: TensorFlow, backend: Backend): void {
  tf.unregisterKernel('GatherV2', tf.getBackend());
  tf.registerKernel({
    kernelName: 'GatherV2',
    backendName: tf.getBackend(),
    kernelFunc: ({ inputs, attrs }) => {
      const { x, indices } = inputs as { x: tensorflow.Tensor; indices: tensorflow.Tensor };
      const { axis, batchDims } = attrs as { axis: number; batchDims: number };
      const { binding } = backend;
      const type = (name: string, value: number) => ({ name, type: binding.TF_ATTR_TYPE, value });
      const dataType = ({ dtype }: tensorflow.Tensor) => DATA_TYPES[dtype as 'float32' | 'int32' | 'bool'];
      const attributes = [
        { name: 'batch_dims', type: binding.TF_ATTR_INT, value: batchDims },
        type('Tparams', dataType(x)),
        type('Tindices', dataType(indices)),
        type('Taxis', DATA_TYPES.int32),
      ];
      const position = tf.scalar(axis, 'int32');
      const result = backend.executeSingleOutput('GatherV2', attributes, [x, indices, position]);
      position.dispose();
      return result;
    },
  });
}
