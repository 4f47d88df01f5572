import { loadAddon as loadCompiled } from '@prunegrid/core/node/addon';

/** An object in the addon. Each function takes handles of one kind, and refuses those of another. */
declare const kind: unique symbol;
export type Handle<Kind extends string> = { readonly [kind]: Kind };

/** The functions of the addon in native/. Their errors have the code of a `PjrtError`. */
export interface Addon {
  loadPlugin(path: string): { handle: Handle<'plugin'>; major: number; minor: number };
  createClient(
    plugin: Handle<'plugin'>,
    options: Readonly<Record<string, string | number | boolean>>,
  ): Promise<{ handle: Handle<'client'>; platform: string; version: string; devices: string[] }>;
  memoryOf(client: Handle<'client'>, device: number): number | undefined;
  compile(client: Handle<'client'>, program: Uint8Array, options: Uint8Array): Promise<Handle<'executable'>>;
  serialize(executable: Handle<'executable'>): Uint8Array;
  deserialize(client: Handle<'client'>, bytes: Uint8Array): Promise<Handle<'executable'>>;
  execute(
    executable: Handle<'executable'>,
    inputs: readonly Handle<'buffer'>[],
    keep: boolean,
  ): Promise<Handle<'buffer'>[]>;
  copyToDevice(
    client: Handle<'client'>,
    array: ArrayBufferView,
    type: number,
    shape: readonly number[],
    device: number,
  ): Promise<Handle<'buffer'>>;
  copyToHost(buffer: Handle<'buffer'>, array: ArrayBufferView): Promise<void>;
  releaseBuffer(buffer: Handle<'buffer'>): void;
  releaseExecutable(executable: Handle<'executable'>): void;
}

/** Loads the addon that `provideAddon` has compiled. Throws Failure if it does not load on this machine. */
export const loadAddon: (file: string) => Addon = loadCompiled;
