import { setFlagsFromString } from 'node:v8';
import { MessageChannel } from 'node:worker_threads';
import { runInNewContext } from 'node:vm';

import type { Memory } from '../runtime/memory.js';

/** The bytes for which a collection is worth its time, which is 15 to 50 ms. */
const MANY_BYTES = 2 ** 26;

let collect: (() => void) | undefined;

/** Returns V8's function that collects garbage. Only contexts that are made after the flag was set have it. */
function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

/** The memory of this process, which V8 and Node manage. */
export const nodeMemory: Memory = {
  dropped(bytes) {
    if (bytes >= MANY_BYTES) (collect ??= collector())();
  },
};

let nobody: MessageChannel['port1'] | undefined;

/**
 * Frees the memory of an array now, whoever else refers to it: afterwards the array is empty. It moves to a message that
 * nobody can receive, and is dropped with it.
 */
export function free(array: Float32Array): void {
  nobody ??= closedPort();
  nobody.postMessage(undefined, [array.buffer as ArrayBuffer]);
}

function closedPort(): MessageChannel['port1'] {
  const { port1 } = new MessageChannel();
  port1.close();
  return port1;
}
