import type * as tensorflow from '@tensorflow/tfjs';

import type { NativeAttribute } from '../recording/kernels.js';
import { DATA_TYPES } from '../recording/record.js';
import type { SessionBackend } from './graph/binding.js';

type TensorFlow = typeof tensorflow;

/** The part of TensorFlow.js' backend for Node that is used here. TensorFlow.js' own kernels use it in the same way. */
export interface Backend extends SessionBackend {
  readonly isUsingGpuDevice: boolean;
  readonly tensorMap: { get(dataId: object): { id: number } };
  executeSingleOutput(op: string, attributes: NativeAttribute[], inputs: tensorflow.Tensor[]): tensorflow.Tensor;
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
