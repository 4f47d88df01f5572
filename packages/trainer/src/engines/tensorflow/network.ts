import type * as tensorflow from '@tensorflow/tfjs';

import type { Batch } from '../../datasets/index.js';
import type { Model } from '../../models/index.js';
import { gradientTensor, type Inputs, scoreTensor } from './computations.js';
import type { BatchScore, DeviceVector, Network } from '../engine.js';
import type { OpAttribute, TensorValues } from './graph/binding.js';
import { record, type Recorded } from './graph/recording.js';
import { GraphSession } from './graph/session.js';

type TensorFlow = typeof tensorflow;

/** TensorFlow.js' backend for Node, as far as it is used here; its kernels reach it in the same way. */
export interface Backend extends Recorded {
  readonly isUsingGpuDevice: boolean;
  readonly tensorMap: { get(dataId: object): { id: number } };
  executeSingleOutput(op: string, attributes: OpAttribute[], inputs: tensorflow.Tensor[]): tensorflow.Tensor;
}

/** Networks that share their graphs: each computation is recorded once for every model and size of batch. */
export class TensorFlowNetworks {
  private readonly sessions = new Map<string, GraphSession>();

  constructor(
    private readonly tf: TensorFlow,
    private readonly backend: Backend,
  ) {
    useNativeReluGradient(tf, backend);
  }

  open(model: Model): Network {
    return new TensorFlowNetwork(model, this);
  }

  /** @param compute its other parameters than `inputs` must be part of `key` */
  session(key: string, inputs: Inputs, compute: (tf: TensorFlow) => tensorflow.Tensor): GraphSession {
    let session = this.sessions.get(key);
    if (!session) {
      const { tf, backend } = this;
      let result: tensorflow.Tensor | undefined;
      const recording = record(backend, arraysOf(inputs), () => {
        result = compute(tf);
        return backend.tensorMap.get(result.dataId).id;
      });
      result?.dispose();
      session = new GraphSession(backend, recording);
      this.sessions.set(key, session);
    }
    return session;
  }

  delete(tensor: number): void {
    this.backend.binding.deleteTensor(tensor);
  }
}

/** Keeps its parameters as native tensors, which all runs share. */
class TensorFlowNetwork implements Network {
  private parameters: Float32Array[] = [];
  /** Those of `parameters`; made when they are first used. */
  private tensors: number[] = [];

  constructor(
    private readonly model: Model,
    private readonly networks: TensorFlowNetworks,
  ) {}

  setParameters(parameters: Float32Array): void {
    this.close();
    this.parameters = this.model.parameters.map(({ offset, size }) => parameters.subarray(offset, offset + size));
  }

  gradient(batch: Batch, scale: number, dropout?: Float32Array): DeviceVector {
    const inputs = { parameters: this.parameters, batch, dropout };
    const key = ['gradient', this.model.name, batch.labels.length, scale, dropout !== undefined].join('/');
    return this.run(key, inputs, (tf) => gradientTensor(tf, this.model, inputs, scale));
  }

  score(batch: Batch): BatchScore {
    const inputs = { parameters: this.parameters, batch };
    const key = ['score', this.model.name, batch.labels.length].join('/');
    const [loss, correct] = this.run(key, inputs, (tf) => scoreTensor(tf, this.model, inputs)).read();
    return { loss, correct };
  }

  close(): void {
    for (const tensor of this.tensors) this.networks.delete(tensor);
    this.tensors = [];
  }

  private run(key: string, inputs: Inputs, compute: (tf: TensorFlow) => tensorflow.Tensor): DeviceVector {
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

/** The parameters come first. */
const arraysOf = ({ parameters, batch, dropout }: Inputs): TensorValues[] => [
  ...parameters,
  batch.images,
  batch.labels,
  ...(dropout ? [dropout] : []),
];

/** TensorFlow.js composes ReLU's gradient of six operations; TensorFlow has one for it, with the same values. */
function useNativeReluGradient(tf: TensorFlow, backend: Backend): void {
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
