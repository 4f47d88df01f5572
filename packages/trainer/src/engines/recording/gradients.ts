import type * as tensorflow from '@tensorflow/tfjs';

type TensorFlow = typeof tensorflow;
type Tensor = tensorflow.Tensor;

/** The kernels whose results jump, so that their gradient is 0 wherever there is one, by the names of their inputs. */
const steps = [
  {
    inputs: ['a', 'b'],
    kernels: 'Equal Greater GreaterEqual Less LessEqual LogicalAnd LogicalOr LogicalXor NotEqual'.split(' '),
  },
  { inputs: ['x'], kernels: 'All Any LogicalNot'.split(' ') },
];

/**
 * Registers the gradients that TensorFlow.js lacks, or has for some inputs alone, of kernels that networks contain. Those of
 * comparisons and of logic are 0, so that what they choose between is trained. That of a product of stacks of matrices is
 * summed over the axes along which one of them is repeated.
 */
export function completeGradients(tf: TensorFlow): void {
  for (const { inputs, kernels } of steps) {
    const gradFunc = (_dy: Tensor | Tensor[], saved: Tensor[]) =>
      Object.fromEntries(inputs.map((name, i) => [name, () => tf.zeros(saved[i].shape)]));
    for (const kernelName of kernels) tf.registerGradient({ kernelName, inputsToSave: inputs, gradFunc });
  }
  tf.registerGradient({
    kernelName: 'BatchMatMul',
    inputsToSave: ['a', 'b'],
    gradFunc: (gradient, [a, b], attributes) => {
      const { transposeA, transposeB } = attributes as unknown as tensorflow.BatchMatMulAttrs;
      const dy = gradient as Tensor;
      return {
        a: () => {
          const own = transposeA ? tf.matMul(b, dy, transposeB, true) : tf.matMul(dy, b, false, !transposeB);
          return summedTo(tf, own, a.shape);
        },
        b: () => {
          const own = transposeB ? tf.matMul(dy, a, true, transposeA) : tf.matMul(a, dy, !transposeA, false);
          return summedTo(tf, own, b.shape);
        },
      };
    },
  });
  // Those of TensorFlow.js expect a list, and are given a tensor if there is a single output.
  tf.registerGradient({
    kernelName: 'SplitV',
    gradFunc: (dy, _saved, attributes) => {
      const { axis } = attributes as unknown as { axis: number };
      return { x: () => tf.concat([dy].flat(), axis) };
    },
  });
  tf.registerGradient({
    kernelName: 'Unpack',
    gradFunc: (dy, _saved, attributes) => {
      const { axis } = attributes as unknown as { axis: number };
      return { value: () => tf.stack([dy].flat(), axis) };
    },
  });
}

function summedTo(tf: TensorFlow, gradient: Tensor, shape: readonly number[]): Tensor {
  const added = gradient.rank - shape.length;
  const axes = gradient.shape.flatMap((extent, axis) =>
    axis < added || (shape[axis - added] === 1 && extent > 1) ? [axis] : [],
  );
  return axes.length === 0 ? gradient : tf.reshape(tf.sum(gradient, axes), [...shape]);
}
