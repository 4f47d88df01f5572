import { createRequire } from 'node:module';

import { Failure } from '@prunegrid/core/failure';
import type { ChildProcess, Clock, ProcessEnd } from '@prunegrid/core/runtime';

import type { Launcher, LaunchRequest } from '../launcher.js';
import { LastWords } from './last-words.js';

/** Milliseconds to wait until a killed process has ended. */
const KILL_MS = 5000;

/**
 * Node option that lets V8's old generation grow to 512 MiB before the first full garbage collection. A trainer's heap
 * has about 25 MiB, but V8 also counts the gradients that each step allocates outside of it. Without this option V8
 * collects every few steps, and two trainers take a third longer (`prunegrid-bench step`). bin/prunegrid-trainer.js
 * sets the same option for trainers that are started by hand.
 */
const HEAP = '--initial-old-space-size=512';

/** A trainer does not talk to MLflow, so it does not get the login, which may also be a part of the address. */
const WITHHELD = {
  MLFLOW_TRACKING_URI: undefined,
  MLFLOW_TRACKING_USERNAME: undefined,
  MLFLOW_TRACKING_PASSWORD: undefined,
  MLFLOW_TRACKING_TOKEN: undefined,
};

/** Returns a launcher that runs a program file as a process for each trainer. It must behave like prunegrid-trainer. */
export const localLauncherOf = (program: string): Launcher => ({
  name: 'local',
  launch({ clock, processes }, { trainers, coordinator, token, tls, extensions, onEvent }) {
    const running = new Set<ChildProcess>();
    let stopped: Promise<void> | undefined;

    const startChild = (words: LastWords): ChildProcess =>
      processes.startNode(program, argumentsOf({ coordinator, token, tls, extensions }), {
        v8: [HEAP],
        ...(token !== undefined && { input: token }),
        env: WITHHELD,
        // A process group of its own keeps Ctrl-C from the trainer, because the coordinator handles it.
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
      giveUp({ host, pid }) {
        if (host !== processes.host) return;
        for (const child of running) if (child.pid === pid) child.kill('SIGKILL');
      },
      stop: (graceMs) => (stopped ??= Promise.all([...running].map((child) => end(child, graceMs, clock))).then()),
    };
  },
});

/** Launcher of trainers as processes on the coordinator's machine. It reserves no processors. */
export const localLauncher = localLauncherOf(createRequire(import.meta.url).resolve('@prunegrid/trainer/bin'));

const argumentsOf = ({
  coordinator,
  token,
  tls,
  extensions,
}: Pick<LaunchRequest, 'coordinator' | 'token' | 'tls' | 'extensions'>): string[] => [
  ...['--coordinator', coordinator],
  ...(token === undefined ? [] : ['--token-file', '-']),
  ...(tls === undefined ? [] : ['--tls', tls]),
  // A trainer that loses its coordinator is replaced, or of no use any more.
  ...['--redial', '0'],
  ...extensions.flatMap((file) => ['--extension', file]),
];

function failureOf(trainer: string, { code, signal }: ProcessEnd, reason: string | undefined): Failure {
  const how = signal ? `was ended by ${signal}` : `ended with exit code ${code ?? '?'}`;
  return new Failure('trainers', `the local trainer of ${trainer} ${how}${reason ? `: ${reason}` : ''}`);
}

/** Waits `graceMs` milliseconds until a process has ended, and then kills it. */
async function end(child: ChildProcess, graceMs: number, clock: Clock): Promise<void> {
  if (await endsWithin(graceMs, child, clock)) return;
  child.kill('SIGKILL');
  // A process that is blocked by a broken disk cannot be killed, so this wait is limited.
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
