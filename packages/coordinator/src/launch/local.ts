import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { Failure } from '@prunegrid/trainer/failure';

/** Time for a trainer to leave by itself before it is ended. */
const GRACE_MS = 5000;

/** Trainer processes on this machine. */
export interface LocalTrainers {
  /** Rejects when one of them ends before `stop` is called; never resolves. */
  readonly ended: Promise<never>;
  /** Waits for them to leave, ends those that stay, and resolves when all are gone. */
  stop(): Promise<void>;
}

/** Starts `count` trainers that dial `coordinator`. */
export function launchLocally(count: number, coordinator: string): LocalTrainers {
  const program = fileURLToPath(new URL('../../bin/prunegrid.js', import.meta.url));
  const children = Array.from({ length: count }, () =>
    spawn(process.execPath, [program, 'trainer', '--coordinator', coordinator], {
      stdio: ['ignore', 'ignore', 'pipe'],
      // A group of their own: ctrl-C is the coordinator's to handle.
      detached: true,
    }),
  );
  let stopping = false;
  const ended = new Promise<never>((_, reject) => {
    for (const child of children) {
      let output = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-4000)));
      child.on('error', (error) => {
        reject(new Failure('environment', `a local trainer cannot be started (${error.message})`));
      });
      child.on('close', (code, signal) => {
        if (stopping) return;
        // Its own account of a failure; other lines are for whoever watches a trainer.
        const said = /^prunegrid: (.*)$/m.exec(output)?.[1];
        const how = signal ? `was ended by ${signal}` : `ended with exit code ${code ?? '?'}`;
        reject(new Failure('trainers', `the local trainer of process ${child.pid} ${how}${said ? `: ${said}` : ''}`));
      });
    }
  });
  // Whoever waits for `ended` sees its error; it must not end the process before.
  ended.catch(() => undefined);
  return {
    ended,
    async stop() {
      stopping = true;
      await Promise.all(children.map(leave));
    },
  };
}

async function leave(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('close', resolve));
  const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
  await gone;
  clearTimeout(timer);
}
