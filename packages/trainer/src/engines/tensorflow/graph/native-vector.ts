import type { DeviceVector } from '../../host/network.js';
import type { SessionBackend } from './binding.js';

/** A float32 tensor in the native binding. */
export class NativeVector implements DeviceVector {
  constructor(
    private readonly backend: SessionBackend,
    private readonly id: number,
  ) {}

  plus(other: NativeVector): NativeVector {
    const { binding } = this.backend;
    const float32 = { name: 'T', type: binding.TF_ATTR_TYPE, value: 1 };
    const [sum] = binding.executeOp('AddV2', [float32], [this.id, other.id], 1);
    for (const { id } of [this, other]) binding.deleteTensor(id);
    return new NativeVector(this.backend, sum.id);
  }

  read(): Float32Array {
    const { binding } = this.backend;
    try {
      return binding.tensorDataSync(this.id);
    } finally {
      binding.deleteTensor(this.id);
    }
  }
}
