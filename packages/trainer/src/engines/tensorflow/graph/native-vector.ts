import { free } from '@prunegrid/core/node/memory';

import type { DeviceVector } from '../../host/network.js';
import type { SessionBackend } from './binding.js';

/** A float32 vector [length] in the native binding, which holds it as one tensor or as several, one after another. */
export class NativeVector implements DeviceVector {
  constructor(
    private readonly backend: SessionBackend,
    private readonly ids: readonly number[],
    private readonly length: number,
  ) {}

  plus(other: NativeVector): NativeVector {
    const { binding } = this.backend;
    const float32 = { name: 'T', type: binding.TF_ATTR_TYPE, value: 1 };
    const sums = this.ids.map((id, i) => {
      const [sum] = binding.executeOp('AddV2', [float32], [id, other.ids[i]], 1);
      for (const part of [id, other.ids[i]]) binding.deleteTensor(part);
      return sum.id;
    });
    return new NativeVector(this.backend, sums, this.length);
  }

  read(): Float32Array {
    if (this.ids.length === 1) return this.take(0);
    const whole = new Float32Array(this.length);
    let at = 0;
    for (const i of this.ids.keys()) {
      const part = this.take(i);
      whole.set(part, at);
      at += part.length;
      free(part);
    }
    return whole;
  }

  /** Returns the values of a tensor, and frees it. */
  private take(i: number): Float32Array {
    const { binding } = this.backend;
    try {
      return binding.tensorDataSync(this.ids[i]);
    } finally {
      binding.deleteTensor(this.ids[i]);
    }
  }
}
