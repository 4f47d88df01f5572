import type * as tensorflow from '@tensorflow/tfjs';
import util from 'node:util';

import { completeGradients } from '../recording/gradients.js';
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
 * Makes what TensorFlow.js' kernels for Node compute recordable, adds the gradients that TensorFlow.js lacks, and makes the
 * kernels run under later versions of Node. The current backend must be the one that they are for.
 */
export function prepareKernels(tf: TensorFlow): void {
  // TensorFlow.js 4.22 calls this function, which Node 23 has removed.
  (util as { isNullOrUndefined?: unknown }).isNullOrUndefined ??= (value: unknown) =>
    value === null || value === undefined;
  completeGradients(tf);
  useNativeReluGradient(tf);
  useRecordableKernels(tf);
}

/**
 * Makes TensorFlow.js compute the gradient of ReLU by TensorFlow's own operation, instead of composing it of six
 * operations. The values are the same.
 */
function useNativeReluGradient(tf: TensorFlow): void {
  tf.registerGradient({
    kernelName: 'Relu',
    outputsToSave: [true],
    gradFunc: (dy, [y]) => ({
      x: () => {
        const backend = tf.backend() as unknown as Backend;
        const float32 = { name: 'T', type: backend.binding.TF_ATTR_TYPE, value: 1 };
        return backend.executeSingleOutput('ReluGrad', [float32], [dy as tensorflow.Tensor, y]);
      },
    }),
  });
}

/**
 * Replaces kernels of TensorFlow.js that cannot be recorded, or are not those of TensorFlow. Its gathering reads the indices
 * to check them, which a recording cannot do; TensorFlow checks them itself when it runs. The operation by which it adds an
 * axis lacks its types, without which no graph can be loaded. Gradients of resizing do not say where the centres are.
 */
function useRecordableKernels(tf: TensorFlow): void {
  const current = () => tf.backend() as unknown as Backend;
  const { binding } = current();
  const type = (name: string, value: number) => ({ name, type: binding.TF_ATTR_TYPE, value });
  const flag = (name: string, value: boolean) => ({ name, type: binding.TF_ATTR_BOOL, value });
  const dataType = ({ dtype }: tensorflow.Tensor) => DATA_TYPES[dtype as 'float32' | 'int32' | 'bool'];
  /** Executes an operation whose last input is a constant of integers. */
  const execute = (op: string, attributes: NativeAttribute[], inputs: tensorflow.Tensor[], last: tensorflow.Tensor) => {
    const result = current().executeSingleOutput(op, attributes, [...inputs, last]);
    last.dispose();
    return result;
  };
  replaceKernel(tf, 'GatherV2', ({ x, indices }, { axis, batchDims }: tensorflow.GatherV2Attrs) => {
    const attributes = [
      { name: 'batch_dims', type: binding.TF_ATTR_INT, value: batchDims },
      type('Tparams', dataType(x)),
      type('Tindices', dataType(indices)),
      type('Taxis', DATA_TYPES.int32),
    ];
    return execute('GatherV2', attributes, [x, indices], tf.scalar(axis, 'int32'));
  });
  replaceKernel(tf, 'ExpandDims', ({ input }, { dim }: tensorflow.ExpandDimsAttrs) => {
    const attributes = [type('T', dataType(input)), type('Tdim', DATA_TYPES.int32)];
    return execute('ExpandDims', attributes, [input], tf.scalar(dim, 'int32'));
  });
  const centres = ({ alignCorners, halfPixelCenters }: tensorflow.ResizeBilinearAttrs) => [
    type('T', DATA_TYPES.float32),
    flag('align_corners', alignCorners),
    flag('half_pixel_centers', halfPixelCenters),
  ];
  replaceKernel(tf, 'ResizeBilinearGrad', ({ dy, images }, attributes: tensorflow.ResizeBilinearAttrs) =>
    current().executeSingleOutput('ResizeBilinearGrad', centres(attributes), [dy, images]),
  );
  replaceKernel(tf, 'ResizeNearestNeighborGrad', ({ dy, images }, attributes: tensorflow.ResizeBilinearAttrs) => {
    const [, height, width] = images.shape;
    return execute('ResizeNearestNeighborGrad', centres(attributes), [dy], tf.tensor1d([height, width], 'int32'));
  });
}

function replaceKernel<Attributes>(
  tf: TensorFlow,
  kernelName: string,
  compute: (inputs: Record<string, tensorflow.Tensor>, attributes: Attributes) => tensorflow.Tensor,
): void {
  const backendName = tf.getBackend();
  tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({
    ...{ kernelName, backendName },
    kernelFunc: ({ inputs, attrs }) => compute(inputs as Record<string, tensorflow.Tensor>, attrs as Attributes),
  });
}
