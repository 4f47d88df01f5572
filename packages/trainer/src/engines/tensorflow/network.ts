import type * as tensorflow from '@tensorflow/tfjs';

import type { Batch } from '../../datasets/index.js';
import type { Model } from '../../models/index.js';
import type { BatchScore, Network } from '../host/network.js';
import { type ComputationInputs, gradientTensor, scoreTensor, TOP } from '../recording/computations.js';
import type { NativeAttribute } from '../recording/kernels.js';
import type { Recording, TensorValues } from '../recording/nodes.js';
import { record } from '../recording/record.js';
import type { SessionBackend } from './graph/binding.js';
import type { NativeVector } from './graph/native-vector.js';
import { GraphSession } from './graph/session.js';

type TensorFlow = typeof tensorflow;

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
  }

  open(model: Model): TensorFlowNetwork {
    return new TensorFlowNetwork(model, this);
  }

  /**
   * Returns the session for `key`, and records it first if it does not exist yet.
   * @param compute must depend only on `inputs` and on the values in `key`
   */
  session(key: string, inputs: ComputationInputs, compute: (tf: TensorFlow) => tensorflow.Tensor): GraphSession {
    let session = this.sessions.get(key);
    if (!session) {
      const { tf, backend } = this;
      const recording = recordComputation(tf, backend, inputs, compute);
      session = new GraphSession(backend, recording);
      this.sessions.set(key, session);
    }
    return session;
  }

  delete(tensor: number): void {
    this.backend.binding.deleteTensor(tensor);
  }
}

/** Records a computation, which must depend only on `inputs` and on what is the same in every run. */
export function recordComputation(
  tf: TensorFlow,
  backend: Backend,
  inputs: ComputationInputs,
  compute: (tf: TensorFlow) => tensorflow.Tensor,
): Recording {
  let result: tensorflow.Tensor | undefined;
  const recording = record(backend, arraysOf(inputs), () => {
    result = compute(tf);
    return backend.tensorMap.get(result.dataId).id;
  });
  result?.dispose();
  return recording;
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
    const inputs = { parameters: this.parameters, batch, dropout };
    const values = [this.model.name, batch.labels.length, scale, dropout !== undefined, labelSmoothing];
    return this.run(['gradient', ...values].join('/'), inputs, (tf) =>
      gradientTensor(tf, this.model, inputs, scale, labelSmoothing),
    );
  }

  score(batch: Batch): BatchScore {
    const inputs = { parameters: this.parameters, batch };
    const key = ['score', this.model.name, batch.labels.length].join('/');
    const [loss, correct, top5] = this.run(key, inputs, (tf) => scoreTensor(tf, this.model, inputs)).read();
    return { loss, correct, ...(this.model.classes > TOP && { top5 }) };
  }

  close(): void {
    for (const tensor of this.tensors) this.networks.delete(tensor);
    this.tensors = [];
  }

  private run(key: string, inputs: ComputationInputs, compute: (tf: TensorFlow) => tensorflow.Tensor): NativeVector {
    const session = this.networks.session(key, inputs, compute);
    if (this.tensors.length === 0) this.tensors = this.parameters.map((values, i) => session.input(i, values));
    const own = arraysOf(inputs)
      .slice(this.parameters.length)
      .map((values, i) => session.input(this.parameters.length + i, values));
    try {
      return session.run([...this.tensors, ...own]);
    } finally {
      for (const tensor of own) this.networks.delete(tensor);
    }
  }
}

/** Returns the arrays that change from run to run, with the parameters first. */
export const arraysOf = ({ parameters, batch, dropout }: ComputationInputs): TensorValues[] => [
  ...parameters,
  batch.inputs,
  batch.labels,
  ...(dropout ?? []),
];

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
