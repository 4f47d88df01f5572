// TypeScript knows WebAssembly as a part of browsers alone.
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  /** In pages of 64 KiB. */
  class Memory {
    constructor(limits: { initial: number; maximum: number });
    readonly buffer: ArrayBuffer;
  }
  class Instance {
    constructor(module: Module, imports: Record<string, Record<string, Memory>>);
    readonly exports: Record<string, unknown>;
  }
}
