import assembler from 'wabt';

import { Failure } from '@prunegrid/core/failure';

requireMemory();
const wabt = await assembler();

/** Compiles a module in WebAssembly's text format, which may use 128-bit vectors. Throws Error where it is none. */
export function compileModule(name: string, text: string): WebAssembly.Module {
  const assembled = wabt.parseWat(`${name}.wat`, text, { simd: true });
  try {
    return new WebAssembly.Module(assembled.toBinary({}).buffer);
  } finally {
    assembled.destroy();
  }
}

/** Bytes of the unit in which memory is given. */
export const PAGE_BYTES = 1 << 16;

/** Throws Failure where the system gives this process no room for addresses: V8 sets aside some GiB of them for each memory, whatever its size. */
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
