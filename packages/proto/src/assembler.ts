import { FrameError } from './frame.js';
import type { TensorChunk } from './generated/prunegrid/v1/coordination.js';

/**
 * Assembles the chunks of one tensor, in order, in a buffer that the caller owns. No allocation depends on the content
 * of a message, so a damaged message cannot exhaust the memory.
 */
export class TensorAssembler {
  private received = 0;
  private readonly bytes: Uint8Array;

  constructor(readonly tensor: Float32Array | Uint32Array) {
    this.bytes = new Uint8Array(tensor.buffer, tensor.byteOffset, tensor.byteLength);
  }

  /**
   * Copies a chunk to the tensor. Returns whether the tensor is complete. Throws FrameError if the chunk does not
   * continue this tensor.
   */
  add(chunk: TensorChunk): boolean {
    if (chunk.length !== this.tensor.length) {
      throw new FrameError(`a tensor of ${chunk.length} elements arrived where ${this.tensor.length} are due`);
    }
    const start = chunk.offset * 4;
    if (start !== this.received || chunk.data.length % 4 !== 0 || start + chunk.data.length > this.bytes.length) {
      throw new FrameError(`a chunk for element ${chunk.offset} arrived where element ${this.received / 4} is due`);
    }
    this.bytes.set(chunk.data, start);
    this.received += chunk.data.length;
    return this.received === this.bytes.length;
  }
}
