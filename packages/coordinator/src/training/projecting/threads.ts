import { Failure } from '@prunegrid/core/failure';
import { Worker } from 'node:worker_threads';

import { NonFiniteError } from '@prunegrid/numerics/constraints';
import { grouped } from '@prunegrid/core/text/figures';
import {
  type Answer,
  type ArgumentsOf,
  type Constrained,
  memoryOf,
  type Operation,
  type Order,
  type ResultOf,
} from './operations.js';

/** A layer with its name for messages, its constraint and its number of weights, `size`. */
interface Layer extends Constrained {
  name: string;
  size: number;
}

/** Largest number of threads. More would be idle, because few layers hold most of the weights: 3 of 8 in AlexNet. */
const MOST_THREADS = 4;

/**
 * Runs operations on whole layers in threads of this process. The number of parallel threads is limited, and the
 * largest layers come first.
 *
 * Each operation has its own thread, which has ended before the promise settles. A thread that stayed would keep
 * hundreds of megabytes of garbage until its next layer. The start of a thread takes 30 ms and blocks the event loop
 * for 0.5 ms. No thread keeps the process alive.
 */
export class LayerThreads {
  private readonly waiting: { size: number; begin: () => Promise<void> }[] = [];
  private running = 0;
  private readonly limit: number;
  /**
   * Arguments are created for one layer at a time, so that the largest layer does not wait for the copies of others.
   */
  private made: Promise<unknown> = Promise.resolve();

  constructor(
    parallelism: number,
    private readonly program = new URL('./thread.js', import.meta.url),
  ) {
    this.limit = Math.min(MOST_THREADS, parallelism);
  }

  /**
   * Runs one operation. Rejects with the error of the operation, and with a Failure if a thread cannot start or dies.
   *
   * @param argumentsOf called when a thread is free; all arrays in its result are transferred to the thread
   */
  run<Name extends Operation>(
    layer: Layer,
    operation: Name,
    argumentsOf: () => Promise<ArgumentsOf<Name>>,
  ): Promise<ResultOf<Name>> {
    const begin = async () => {
      try {
        const args = this.made.then(argumentsOf);
        this.made = args.catch(() => undefined);
        const { constraint, shape } = layer;
        return await inThread(this.program, layer, { operation, constraint, shape, args: await args });
      } catch (error) {
        throw isOutOfMemory(error) ? lost(layer, 'found no memory', error) : error;
      }
    };
    return new Promise((resolve, reject) => {
      this.waiting.push({ size: layer.size, begin: () => begin().then(resolve, reject) });
      // The start waits for a microtask, so that the largest of all layers that are queued together comes first.
      queueMicrotask(() => this.next());
    });
  }

  private next(): void {
    if (this.running === this.limit) return;
    this.waiting.sort((one, other) => other.size - one.size);
    const largest = this.waiting.shift();
    if (!largest) return;
    this.running++;
    void largest.begin().finally(() => {
      this.running--;
      this.next();
    });
  }
}

/** Runs an order in a new thread. The promise settles when the thread has ended. */
function inThread<Name extends Operation>(program: URL, layer: Layer, order: Order<Name>): Promise<ResultOf<Name>> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(program, { workerData: order, transferList: memoryOf(order) });
    let answer: Answer<Name> | undefined;
    let failure: Error | undefined;
    worker.on('message', (message: Answer<Name>) => (answer = message));
    worker.on('error', (error) => (failure = error));
    worker.on('exit', (code) => {
      if (failure) reject(failure);
      else if (!answer) reject(lost(layer, `ended with exit code ${code} in the middle`));
      else if ('result' in answer) resolve(answer.result);
      else reject(new NonFiniteError(answer.nonFinite.index, answer.nonFinite.value));
    });
    // This must come last, because adding a listener for messages refs the worker again.
    worker.unref();
  });
}

/** Whether the error means that memory for a tensor, for a thread's heap or for the thread itself was missing. */
function isOutOfMemory(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  return (
    message === 'Array buffer allocation failed' ||
    code === 'ERR_WORKER_OUT_OF_MEMORY' ||
    code === 'ERR_WORKER_INIT_FAILED'
  );
}

function lost({ name, size }: Layer, how: string, cause?: unknown): Failure {
  const why = cause instanceof Error ? ` (${cause.message})` : '';
  return new Failure(
    'environment',
    `${name}: the thread for its ${grouped(size)} weights ${how}${why}: close what else needs memory on this machine`,
    { cause },
  );
}
