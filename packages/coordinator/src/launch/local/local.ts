import { createRequire } from 'node:module';

import { Failure } from '@prunegrid/core/failure';
import type { ChildProcess, Clock, ProcessEnd } from '@prunegrid/core/runtime';

import type { Launcher } from '../launcher.js';
import { LastWords } from './last-words.js';

/** Time for the system to end a process that was killed, in milliseconds. */
const KILL_MS = 5000;

/**
 * Lets V8's heap grow to so many MiB before it looks for old garbage. A trainer's own heap is some 25 MiB, but the megabytes of gradients
 * count that a step makes and drops outside of it: without this option every few steps bring a full collection, and two trainers take a
 * third longer (`prunegrid-bench step`). bin/prunegrid-trainer.js does the same for trainers that are started by hand.
 */
const HEAP = '--initial-old-space-size=512';

/** Starts a program file for each trainer, as a process of this machine. The program must do as prunegrid-trainer does. */
export const localLauncherOf = (program: string): Launcher => ({
  name: 'local',
  launch({ clock, processes }, { trainers, coordinator, extensions, onEvent }) {
    const running = new Set<ChildProcess>();
    let stopped: Promise<void> | undefined;

    const startChild = (words: LastWords): ChildProcess =>
      processes.startNode(program, argumentsOf(coordinator, extensions), {
        v8: [HEAP],
        // Ctrl-C is the coordinator's to handle.
        detached: true,
        onError: (text) => words.read(text),
      });

    /** Starts a trainer and resolves when it has ended. Never rejects. */
    const start = async (): Promise<void> => {
      const words = new LastWords();
      let trainer = 'no process';
      try {
        const child = startChild(words);
        running.add(child);
        if (child.pid !== undefined) {
          trainer = `process ${child.pid}`;
          onEvent({ type: 'started', trainer });
        }
        const end = await child.ended.finally(() => running.delete(child));
        if (!stopped) onEvent({ type: 'ended', trainer, failure: failureOf(trainer, end, words.reason) });
      } catch (cause) {
        const failure = new Failure('environment', `a local trainer cannot be started (${(cause as Error).message})`, {
          cause,
        });
        if (!stopped) onEvent({ type: 'ended', trainer, failure });
      }
    };

    for (let i = 0; i < trainers; i++) void start();
    return {
      replace() {
        if (!stopped) void start();
      },
      stop: (graceMs) => (stopped ??= Promise.all([...running].map((child) => end(child, graceMs, clock))).then()),
    };
  },
});

/** Processes of the coordinator's own machine. They share its processors: nothing is reserved. */
export const localLauncher = localLauncherOf(createRequire(import.meta.url).resolve('@prunegrid/trainer/bin'));

const argumentsOf = (coordinator: string, extensions: readonly string[]): string[] => [
  '--coordinator',
  coordinator,
  ...extensions.flatMap((file) => ['--extension', file]),
];

function failureOf(trainer: string, { code, signal }: ProcessEnd, reason: string | undefined): Failure {
  const how = signal ? `was ended by ${signal}` : `ended with exit code ${code ?? '?'}`;
  return new Failure('trainers', `the local trainer of ${trainer} ${how}${reason ? `: ${reason}` : ''}`);
}

/** Waits for a process to leave, and kills it if it does not. */
async function end(child: ChildProcess, graceMs: number, clock: Clock): Promise<void> {
  if (await endsWithin(graceMs, child, clock)) return;
  child.kill('SIGKILL');
  // A process that waits for a broken disk cannot be ended: nobody shall wait for it.
  await endsWithin(KILL_MS, child, clock);
}

async function endsWithin(milliseconds: number, { ended }: ChildProcess, clock: Clock): Promise<boolean> {
  const waited = new AbortController();
  try {
    return await Promise.race([
      ended.then(
        () => true,
        () => true,
      ),
      clock.sleep(milliseconds, waited.signal).then(
        () => false,
        () => false,
      ),
    ]);
  } finally {
    waited.abort();
  }
}
