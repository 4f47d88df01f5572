import { createHash } from 'node:crypto';

/** Returns the SHA-256 of the bytes of a vector, in hexadecimal. */
export function sha256Of({ buffer, byteOffset, byteLength }: Float32Array): string {
  return createHash('sha256')
    .update(new Uint8Array(buffer, byteOffset, byteLength))
    .digest('hex');
}
