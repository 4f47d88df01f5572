import { terminationOf } from '@prunegrid/core/node/termination';
import { exitWithWrapper, wrapperOf } from '@prunegrid/core/node/wrapper';
import type { Runtime } from '@prunegrid/core/runtime';
import { isatty } from 'node:tty';

import type { CommandEnvironment, OutputStream } from './environment.js';
import { hangUpEnds, interruptionOf } from './interruption.js';

/**
 * A standard stream whose errors only lose the output. A run does not end because nobody reads its output any more, as
 * in `prunegrid run ... | head -1`, or because the disk with its log is full.
 */
class StandardStream implements OutputStream {
  closed = false;

  constructor(private readonly stream: NodeJS.WriteStream) {
    stream.on('error', this.failed);
  }

  write(text: string): void {
    if (this.closed) return;
    try {
      this.stream.write(text);
    } catch (error) {
      // Files are written synchronously, so their errors are thrown here.
      this.failed(error as NodeJS.ErrnoException);
    }
  }

  get isTTY(): boolean {
    return this.stream.isTTY;
  }

  get columns(): number {
    return this.stream.columns;
  }

  get rows(): number {
    return this.stream.rows;
  }

  on(event: 'resize', listener: () => void): void {
    this.stream.on(event, listener);
  }

  off(event: 'resize', listener: () => void): void {
    this.stream.off(event, listener);
  }

  private readonly failed = ({ code }: NodeJS.ErrnoException): void => {
    if (code === 'EPIPE') this.closed = true;
  };
}

/** Returns the environment of the command for which this process was started. */
export function nodeEnvironment(runtime: Runtime, process: NodeJS.Process): CommandEnvironment {
  const { stdout, stderr, env, argv } = process;
  const hangUp = hangUpEnds([0, 1, 2].map((descriptor) => isatty(descriptor)));
  const wrapper = wrapperOf(env, process, runtime.clock);
  // Without a listener, the signal would end the process.
  if (!hangUp) process.on('SIGHUP', () => undefined);
  return {
    runtime,
    variables: env,
    stdout: new StandardStream(stdout),
    stderr: new StandardStream(stderr),
    program: argv[1],
    termination: () => terminationOf(process),
    exitWithWrapper: () => exitWithWrapper(process, runtime.clock, 'prunegrid'),
    interruption: (remedy) => interruptionOf(process, remedy, hangUp, wrapper),
  };
}
