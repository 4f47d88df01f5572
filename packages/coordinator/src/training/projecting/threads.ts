import { Failure } from '@prunegrid/core/failure';
import { availableParallelism } from 'node:os';
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

/** A layer as messages name it, and what its weights are held to; `size` counts them. */
interface Layer extends Constrained {
  name: string;
  size: number;
}

/** A network's weights lie in a few of its layers, three of AlexNet's 8: more threads would find nothing to do. */
const MOST_THREADS = 4;

/**
 * Carries out operations on whole layers in threads of this process, so many at the same time and the largest layers first.
 *
 * Each layer has a thread of its own, which is started when its turn comes and is gone before the promise settles. If nothing is to be
 * done there is no thread, and what a thread has used is free again: one that stayed would keep hundreds of megabytes of
 * garbage until its next layer. Starting one takes 30 ms, of which the event loop is held up for 0.5 ms. No thread keeps the
 * process alive.
 */
export class LayerThreads {
  private readonly waiting: { size: number; begin: () => Promise<void> }[] = [];
  private running = 0;
  /** Arguments are made for one layer after the other: the largest does not wait for the others' copies. */
  private made: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly limit = Math.min(MOST_THREADS, availableParallelism()),
    private readonly program = new URL('./thread.js', import.meta.url),
  ) {}

  /**
   * Rejects with what the operation throws, and with a Failure if a thread cannot be started or dies.
   *
   * @param argumentsOf called when the layer's turn comes; all arrays in what it returns move to the thread and are empty here afterwards
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
      // Not before all layers that come with this one are there.
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

/** Settles once the thread is gone. */
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
    // Last: listening for messages refs it again.
    worker.unref();
  });
}

/** Whether there was no memory for a tensor, for a thread's own heap, or for a thread at all. */
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
