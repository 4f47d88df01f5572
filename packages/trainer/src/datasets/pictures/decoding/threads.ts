import { Failure } from '@prunegrid/core/failure';
import { Worker } from 'node:worker_threads';

import type { DecodingAnswer, DecodingPlan, DecodingTask } from './task.js';

/** Tasks that a thread has at once: while a picture of one is decoded, one of the other is read. */
const AT_ONCE = 2;

interface Waiting {
  task: DecodingTask;
  resolve: (answers: DecodingAnswer[]) => void;
  reject: (error: Error) => void;
}

/**
 * Decodes pictures in threads of this process, in the order of the calls. The threads start with the first picture, and
 * keep the process alive only while they have something to do.
 */
export class DecodingThreads {
  private readonly waiting: Waiting[] = [];
  private readonly threads: { worker: Worker; running: Map<number, Waiting> }[] = [];
  private id = 0;
  private plan: Promise<DecodingPlan> | undefined;

  /**
   * @param plan asked when the first picture is wanted, since what decodes it may have to be installed
   * @param count the number of threads
   */
  constructor(
    private readonly planOf: () => Promise<DecodingPlan>,
    private readonly count: number,
    private readonly program = new URL('./thread.js', import.meta.url),
  ) {}

  /** Decodes pictures, and returns how each of them ended. Rejects with Failure if a thread cannot start or dies. */
  async run(task: DecodingTask): Promise<DecodingAnswer[]> {
    const plan = await (this.plan ??= this.planOf().catch((error: unknown) => {
      this.plan = undefined;
      throw error;
    }));
    return new Promise((resolve, reject) => {
      this.waiting.push({ task, resolve, reject });
      this.start(plan);
      for (const thread of this.threads) this.feed(thread);
    });
  }

  private start(plan: DecodingPlan): void {
    while (this.threads.length < this.count) {
      const worker = new Worker(this.program, { workerData: plan });
      const running = new Map<number, Waiting>();
      const thread = { worker, running };
      worker.on('message', ({ id, answers }: { id: number; answers: DecodingAnswer[] }) => {
        running.get(id)?.resolve(answers);
        running.delete(id);
        this.feed(thread);
      });
      let cause: Error | undefined;
      worker.on('error', (error) => (cause = error));
      worker.on('exit', () => {
        this.threads.splice(this.threads.indexOf(thread), 1);
        const why = cause ? ` (${cause.message.split('\n')[0]})` : '';
        const failure = new Failure(
          'environment',
          `a thread that decodes pictures ended in the middle${why}: close what else needs memory on this machine`,
          { cause },
        );
        const lost = [...running.values(), ...(this.threads.length === 0 ? this.waiting.splice(0) : [])];
        for (const { reject } of lost) reject(failure);
      });
      worker.unref();
      this.threads.push(thread);
    }
  }

  private feed({ worker, running }: (typeof this.threads)[number]): void {
    while (running.size < AT_ONCE) {
      const next = this.waiting.shift();
      if (!next) break;
      const id = this.id++;
      running.set(id, next);
      worker.postMessage({ id, task: next.task });
    }
    if (running.size > 0) worker.ref();
    else worker.unref();
  }
}
