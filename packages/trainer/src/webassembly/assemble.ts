import assembler from 'wabt';

const wabt = await assembler();

/** Compiles a module in WebAssembly's text format, which may use 128-bit vectors. Throws Error where it is none. */
export function assemble(name: string, text: string): WebAssembly.Module {
  const assembled = wabt.parseWat(`${name}.wat`, text, { simd: true });
  try {
    return new WebAssembly.Module(assembled.toBinary({}).buffer);
  } finally {
    assembled.destroy();
  }
}

/** Bytes of the unit in which memory is given. */
export const PAGE_BYTES = 1 << 16;
