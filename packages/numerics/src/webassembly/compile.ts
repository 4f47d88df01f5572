import assembler from 'wabt';

import { Failure } from '@prunegrid/core/failure';

requireMemory();
const wabt = await assembler();

/**
 * Compiles a module in WebAssembly's text format, which may use 128-bit vectors.
 * @throws {Error} if the text is not a valid module
 * @throws {Failure} if this process cannot reserve enough address space
 */
export function compileModule(name: string, text: string): WebAssembly.Module {
  const assembled = wabt.parseWat(`${name}.wat`, text, { simd: true });
  try {
    return new WebAssembly.Module(assembled.toBinary({}).buffer);
  } finally {
    assembled.destroy();
  }
}

/** The size of a WebAssembly memory page, in bytes. */
export const PAGE_BYTES = 1 << 16;

/**
 * Throws a Failure if this process cannot reserve enough address space: V8 reserves several GiB of addresses for each
 * WebAssembly memory, whatever its size.
 */
function requireMemory(): void {
  try {
    new WebAssembly.Memory({ initial: 1, maximum: 1 });
  } catch (error) {
    const remedy = 'lift the limit on virtual memory (ulimit -v unlimited)';
    throw new Failure('environment', `WebAssembly gets no memory (${(error as Error).message}): ${remedy}`, {
      cause: error,
    });
  }
}
