import { join } from 'node:path';

import { Failure } from '@prunegrid/core/failure';
import type { ChildProcess, Clock, ProcessEnd } from '@prunegrid/core/runtime';

import type { Launcher, LaunchRequest } from '../launcher.js';
import { lastWordsIn, LOGS } from '../logs.js';
import { HEAP, trainerProgram, WITHHELD } from '../trainer-command.js';

/** Milliseconds to wait until a killed process has ended. */
const KILL_MS = 5000;

/** Returns a launcher that runs a program file as a process for each trainer. It must behave like prunegrid-trainer. */
export const localLauncherOf = (program: string): Launcher => ({
  name: 'local',
  launch(
    { clock, files, machine, processes, random },
    { trainers, coordinator, token, tls, extensions, folder, onEvent },
  ) {
    const logs = join(folder, LOGS);
    // A resumed run launches again, in the same folder.
    const launchId = random.bytes(4).toString('hex');
    const running = new Set<ChildProcess>();
    const gpus = new GpuPlaces(machine.gpus);
    let starts = 0;
    let stopped: Promise<void> | undefined;

    const startChild = (outputFile: string, gpu: string | undefined): ChildProcess =>
      processes.startNode(program, argumentsOf({ coordinator, token, tls, extensions }), {
        v8: [HEAP],
        ...(token !== undefined && { input: token }),
        env: { ...WITHHELD, ...(gpu !== undefined && { CUDA_VISIBLE_DEVICES: gpu }) },
        // A process group of its own keeps Ctrl-C from the trainer, because the coordinator handles it.
        detached: true,
        outputFile,
      });

    /** Starts a trainer and resolves when it has ended. Never rejects. */
    const start = async (): Promise<void> => {
      const log = join(logs, `${launchId}-${++starts}.log`);
      let trainer = 'no process';
      try {
        await files.makeFolder(logs);
        if (stopped) return;
        const gpu = gpus.take();
        const child = startChild(log, gpu);
        running.add(child);
        if (child.pid !== undefined) {
          trainer = `process ${child.pid}`;
          onEvent({ type: 'started', trainer });
        }
        const end = await child.ended.finally(() => {
          running.delete(child);
          gpus.free(gpu);
        });
        const failure = failureOf(trainer, end, await lastWordsIn(files, log));
        if (!stopped) onEvent({ type: 'ended', trainer, cause: 'failed', failure });
      } catch (cause) {
        const failure = new Failure('environment', `a local trainer cannot be started (${(cause as Error).message})`, {
          cause,
        });
        if (!stopped) onEvent({ type: 'ended', trainer, cause: 'failed', failure });
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

/** The GPUs of a machine that has several. Each trainer sees one of them, which it shares if there are more trainers. */
class GpuPlaces {
  private readonly trainers: Map<string, number>;

  constructor(gpus: readonly string[]) {
    this.trainers = new Map(gpus.map((gpu) => [gpu, 0]));
  }

  /** Returns the GPU that the fewest trainers have; undefined if there is nothing to choose. */
  take(): string | undefined {
    if (this.trainers.size < 2) return undefined;
    const [[gpu, count]] = [...this.trainers].sort(([, a], [, b]) => a - b);
    this.trainers.set(gpu, count + 1);
    return gpu;
  }

  free(gpu: string | undefined): void {
    if (gpu !== undefined) this.trainers.set(gpu, (this.trainers.get(gpu) ?? 1) - 1);
  }
}

/** Launcher of trainers as processes on the coordinator's machine. It reserves no processors. */
export const localLauncher = localLauncherOf(trainerProgram);

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
