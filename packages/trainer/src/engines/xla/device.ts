import type { DeviceArray, PjrtBuffer, PjrtClient } from '@prunegrid/pjrt';

import type { Executables } from './executables.js';
import type { Precision } from './lowering/body.js';
import type { Program } from './lowering/program.js';

/** Buffers by the names of a program's inputs or results. */
export type Buffers = Readonly<Record<string, PjrtBuffer>>;

/** Frees the memory of buffers. */
export function release(buffers: Buffers): void {
  for (const buffer of Object.values(buffers)) buffer.release();
}

/** A client's first device, with the programs that have been compiled for it. */
export class Device {
  constructor(
    readonly client: PjrtClient,
    private readonly executables: Executables,
    readonly precision: Precision,
  ) {}

  put(array: DeviceArray, shape: readonly number[] = [array.length]): Promise<PjrtBuffer> {
    return this.client.put(array, elementTypeOf(array), shape);
  }

  /**
   * Runs a program, which is compiled at its first use. The buffers whose names are those of results are gone afterwards.
   * All others stay.
   */
  async run(program: Program, inputs: Buffers): Promise<Buffers> {
    const given = program.inputs.map((name) => inputs[name]);
    const outputs = await (await this.executables.find(program.text)).execute(given);
    program.inputs.forEach((name, i) => {
      if (program.results.includes(name)) given[i].release();
    });
    return Object.fromEntries(program.results.map((name, i) => [name, outputs[i]]));
  }

  /** Reads a buffer of so many elements of type float32, into new memory by default, and releases it. */
  async take(buffer: PjrtBuffer, length: number, into: Float32Array = new Float32Array(length)): Promise<Float32Array> {
    try {
      return await buffer.read(into);
    } finally {
      buffer.release();
    }
  }
}

function elementTypeOf(array: DeviceArray) {
  if (array instanceof Float32Array) return 'float32';
  if (array instanceof Int32Array) return 'int32';
  return array instanceof Uint32Array ? 'uint32' : 'uint8';
}
