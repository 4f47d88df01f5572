import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRequire } from 'node:module';

import { Failure } from '@prunegrid/core/failure';

/** Time for a trainer to leave by itself before it is ended, in milliseconds. */
const GRACE_MS = 5000;
/** Pause before a trainer that ended is replaced, in milliseconds. */
const REPLACE_MS = 1000;
/** A trainer that ends sooner than this after its start has not worked, in milliseconds ... */
const SHORT_LIFE_MS = 20_000;
/** ... and when so many do one after another, others would not either. */
const SHORT_LIVES = 3;

/** Trainer processes on this machine. */
export interface LocalTrainers {
  /** Rejects when one of them ends before `stop` is called and is not replaced; never resolves. */
  readonly ended: Promise<never>;
  /** Waits for them to leave, ends those that stay, and resolves when all are gone. */
  stop(): Promise<void>;
}

/**
 * Starts `count` trainers that dial `coordinator`.
 * @param replacing where given, a trainer that ends is replaced, and this is told why it ended
 */
export function launchLocally(
  count: number,
  coordinator: string,
  replacing?: (failure: Failure) => void,
): LocalTrainers {
  const children = new Set<ChildProcess>();
  let stopping = false;
  let shortLives = 0;

  /** Keeps one trainer running; rejects where it ends for good. */
  const keep = async (): Promise<void> => {
    while (!stopping) {
      const startedAt = Date.now();
      const child = startTrainer(coordinator);
      children.add(child);
      const failure = await endOf(child);
      children.delete(child);
      if (stopping) return;
      shortLives = Date.now() - startedAt < SHORT_LIFE_MS ? shortLives + 1 : 0;
      if (!replacing || shortLives === SHORT_LIVES) throw failure;
      replacing(failure);
      await sleep(REPLACE_MS);
    }
  };
  const kept = Promise.all(Array.from({ length: count }, keep));
  const ended = new Promise<never>((_, reject) => {
    kept.catch(reject);
  });
  // Whoever waits for `ended` sees its error; it must not end the process before.
  ended.catch(() => undefined);
  return {
    ended,
    async stop() {
      stopping = true;
      await Promise.all([...children].map(leave));
    },
  };
}

/**
 * Lets V8's heap grow to so many MiB before it looks for old garbage. A trainer's own is some 25 MiB, but the megabytes of gradients that a step makes and drops
 * outside of it count, too: otherwise every few steps bring a full collection, and two trainers take a third longer (`prunegrid bench step`). bin/prunegrid-trainer.js does
 * the same for trainers that are started by hand.
 */
const HEAP = '--initial-old-space-size=512';

const PROGRAM = createRequire(import.meta.url).resolve('@prunegrid/trainer/bin');

function startTrainer(coordinator: string): ChildProcess {
  return spawn(process.execPath, [HEAP, PROGRAM, '--coordinator', coordinator], {
    stdio: ['ignore', 'ignore', 'pipe'],
    // A group of their own: ctrl-C is the coordinator's to handle.
    detached: true,
  });
}

/** Resolves with the way in which a trainer ended. */
function endOf(child: ChildProcess): Promise<Failure> {
  return new Promise((resolve) => {
    let output = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-4000)));
    child.on('error', (error) => {
      resolve(new Failure('environment', `a local trainer cannot be started (${error.message})`));
    });
    child.on('close', (code, signal) => {
      // Its own account of a failure; other lines are for whoever watches a trainer.
      const said = /^prunegrid: (.*)$/m.exec(output)?.[1];
      const how = signal ? `was ended by ${signal}` : `ended with exit code ${code ?? '?'}`;
      resolve(new Failure('trainers', `the local trainer of process ${child.pid} ${how}${said ? `: ${said}` : ''}`));
    });
  });
}

async function leave(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('close', resolve));
  const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
  await gone;
  clearTimeout(timer);
}
