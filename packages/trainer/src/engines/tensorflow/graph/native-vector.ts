import { free } from '@prunegrid/core/node/memory';
import { addInPlace } from '@prunegrid/numerics/summation/addition';

import type { DeviceVector } from '../../host/network.js';
import type { SessionBackend } from './binding.js';

/**
 * A float32 vector [length]: in the native binding as one tensor or as several, one after another, or on the host once it
 * has been moved there.
 */
export class NativeVector implements DeviceVector {
  private values: Float32Array | undefined;

  constructor(
    private readonly backend: SessionBackend,
    private ids: readonly number[],
    private readonly length: number,
  ) {}

  /**
   * Moves the vector to the host, if it is in several tensors. TensorFlow keeps the memory that it once had, so that the
   * next vector takes none in addition.
   */
  moveToHost(): void {
    if (this.ids.length > 1) this.values = this.read();
  }

  plus(other: NativeVector): NativeVector {
    const [host, native] = this.values ? [this, other] : [other, this];
    if (!host.values) return this.plusNative(other);
    if (native.values) addInPlace(host.values, native.values);
    else native.visit((part, at) => addInPlace((host.values as Float32Array).subarray(at, at + part.length), part));
    native.free();
    return host;
  }

  read(): Float32Array {
    if (this.values) return this.values;
    if (this.ids.length === 1) return this.take(0);
    const whole = new Float32Array(this.length);
    this.visit((part, at) => whole.set(part, at));
    this.ids = [];
    return whole;
  }

  private plusNative(other: NativeVector): NativeVector {
    const { binding } = this.backend;
    const float32 = { name: 'T', type: binding.TF_ATTR_TYPE, value: 1 };
    const sums = this.ids.map((id, i) => {
      const [sum] = binding.executeOp('AddV2', [float32], [id, other.ids[i]], 1);
      for (const part of [id, other.ids[i]]) binding.deleteTensor(part);
      return sum.id;
    });
    return new NativeVector(this.backend, sums, this.length);
  }

  /** Visits the values of the tensors with their places in the vector, and frees each tensor before the next one. */
  private visit(visitPart: (part: Float32Array, at: number) => void): void {
    let at = 0;
    for (const i of this.ids.keys()) {
      const part = this.take(i);
      visitPart(part, at);
      at += part.length;
      free(part);
    }
  }

  private free(): void {
    if (this.values) free(this.values);
    this.values = undefined;
    this.ids = [];
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
