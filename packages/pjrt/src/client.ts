import type { Addon, Handle } from './addon.js';
import { type CompileFlags, encodeCompileOptions } from './compile-options.js';
import { calling } from './error.js';

/** The element types of buffers, with their numbers in PJRT_Buffer_Type. */
const BUFFER_TYPES = { bool: 1, int32: 4, uint8: 6, uint32: 8, float32: 11 } as const;
export type ElementType = keyof typeof BUFFER_TYPES;

export type DeviceArray = Float32Array | Int32Array | Uint32Array | Uint8Array;

/** A plugin's own options, such as `preallocate` of CUDA or `cpu_device_count` of CPUs. */
export type ClientOptions = Readonly<Record<string, string | number | boolean>>;

/** Values in the memory of a device. */
export interface PjrtBuffer {
  /**
   * Copies the values to `array` in row-major order, without blocking. The promise is fulfilled when they are there.
   * Throws PjrtError if the array has another size or the buffer is gone.
   */
  read<T extends DeviceArray>(array: T): Promise<T>;
  /** Frees the memory, once no call in progress uses it. It may be called again. */
  release(): void;
}

/** A compiled program. */
export interface PjrtExecutable {
  /**
   * Runs the program on the first device, without blocking, and returns its results. An input that the program aliases
   * to a result (`tf.aliasing_output`) gives its memory away and must not be used any more, unless `keep` is set.
   * Throws PjrtError if the inputs do not fit.
   */
  execute(inputs: readonly PjrtBuffer[], options?: { keep?: boolean }): Promise<PjrtBuffer[]>;
  /** Returns the executable as bytes, which the same plugin loads on the same kind of device. */
  serialize(): Uint8Array;
  release(): void;
}

/** A plugin's devices in this process. */
export interface PjrtClient {
  /** The name of the platform, such as `cpu` or `cuda`. */
  readonly platform: string;
  readonly version: string;
  /** The version of the plugin's C interface. */
  readonly apiVersion: string;
  /** The kind of each device, such as `NVIDIA H200`. */
  readonly devices: readonly string[];
  /** Returns the memory of a device in bytes, or undefined if the plugin does not say. */
  memory(device?: number): number | undefined;
  /**
   * Copies an array to a device, without blocking. The array must not change until the promise is fulfilled.
   * @param shape the extents, whose product is the length of the array
   */
  put(array: DeviceArray, type: ElementType, shape: readonly number[], device?: number): Promise<PjrtBuffer>;
  /** Compiles a program in StableHLO's text. Throws PjrtError with the compiler's message. */
  compile(program: string, flags?: CompileFlags): Promise<PjrtExecutable>;
  /** Loads what `serialize` returned. Throws PjrtError if another plugin or kind of device made it. */
  load(bytes: Uint8Array): Promise<PjrtExecutable>;
}

/** Loads a plugin into this process, where it stays, and creates a client of it. Throws PjrtError if one of them fails. */
export async function createClient(addon: Addon, plugin: string, options: ClientOptions = {}): Promise<PjrtClient> {
  const { handle: pluginHandle, major, minor } = calling(() => addon.loadPlugin(plugin));
  const { handle, platform, version, devices } = await calling(() => addon.createClient(pluginHandle, options));
  return {
    ...{ platform, version, devices, apiVersion: `${major}.${minor}` },
    memory: (device = 0) => calling(() => addon.memoryOf(handle, device)),
    put: async (array, type, shape, device = 0) =>
      new NativeBuffer(
        addon,
        await calling(() => addon.copyToDevice(handle, array, BUFFER_TYPES[type], shape, device)),
      ),
    compile: async (program, flags = {}) => {
      const [text, encoded] = [new TextEncoder().encode(program), encodeCompileOptions(flags)];
      return new NativeExecutable(addon, await calling(() => addon.compile(handle, text, encoded)));
    },
    load: async (bytes) => new NativeExecutable(addon, await calling(() => addon.deserialize(handle, bytes))),
  };
}

class NativeBuffer implements PjrtBuffer {
  constructor(
    private readonly addon: Addon,
    readonly handle: Handle<'buffer'>,
  ) {}

  async read<T extends DeviceArray>(array: T): Promise<T> {
    await calling(() => this.addon.copyToHost(this.handle, array));
    return array;
  }

  release(): void {
    this.addon.releaseBuffer(this.handle);
  }
}

class NativeExecutable implements PjrtExecutable {
  constructor(
    private readonly addon: Addon,
    private readonly handle: Handle<'executable'>,
  ) {}

  async execute(inputs: readonly PjrtBuffer[], { keep = false }: { keep?: boolean } = {}): Promise<PjrtBuffer[]> {
    const handles = inputs.map((input) => (input as NativeBuffer).handle);
    const outputs = await calling(() => this.addon.execute(this.handle, handles, keep));
    return outputs.map((output) => new NativeBuffer(this.addon, output));
  }

  serialize(): Uint8Array {
    return calling(() => this.addon.serialize(this.handle));
  }

  release(): void {
    this.addon.releaseExecutable(this.handle);
  }
}
