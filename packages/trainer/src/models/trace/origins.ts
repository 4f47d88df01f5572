import type * as tensorflow from '@tensorflow/tfjs';
import { sizeOf } from '@prunegrid/numerics/shape';

import type { KernelInputs } from './shape-rules.js';

/**
 * What a tensor was computed from. `example`: from the network's input. Otherwise it is a function of the parameters
 * alone, the same for every example, and the map has the share of its elements that comes from each parameter, by its
 * number: 1 for a kernel that was only transposed, a half for either of two matrices that were concatenated, nothing for
 * a constant.
 */
export type Origin = 'example' | ReadonlyMap<number, number>;

/** Remembers where the data of tensors come from. */
export class Origins {
  private readonly origins = new WeakMap<object, Origin>();

  of({ dataId }: tensorflow.TensorInfo): Origin {
    return this.origins.get(dataId) ?? new Map();
  }

  set({ dataId }: tensorflow.TensorInfo, origin: Origin): void {
    this.origins.set(dataId, origin);
  }

  /** Returns the origin of a kernel's output with `size` elements. */
  ofOutput(kernel: string, inputs: KernelInputs, size: number): Origin {
    const tensors = Object.values(inputs);
    const origins = tensors.map((tensor) => this.of(tensor));
    if (origins.includes('example')) return 'example';
    const shares = new Map<number, number>();
    // The elements of some kernels' outputs each come from one input. Others mix the inputs in every element.
    const apart = kernel === 'Concat' || kernel === 'Pack' || kernel === 'PadV2';
    (origins as ReadonlyMap<number, number>[]).forEach((origin, i) => {
      const part = apart ? sizeOf(tensors[i].shape) / size : 1;
      for (const [parameter, share] of origin) {
        const before = shares.get(parameter) ?? 0;
        shares.set(parameter, apart ? before + share * part : Math.max(before, share));
      }
    });
    return shares;
  }
}
