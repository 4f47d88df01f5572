import { constants } from 'node:os';

import type { ChildProcess, Files, Processes, ProcessEnd, StartOptions } from '@prunegrid/core/runtime';

/** The environment of a program that runs in this process. */
export interface ProgramContext {
  /** The machine's processes as this program sees them. */
  readonly processes: Processes;
  /** The environment variables with which the program was started. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /**
   * Aborts when the process has ended for any reason. The program must then release its resources, as a system does for
   * a real process.
   */
  readonly ended: AbortSignal;
  /** Writes text to standard error. */
  readonly writeError: (text: string) => void;
  /** Makes SIGTERM call `action` from now on, instead of ending the process. */
  readonly onTerminate: (action: () => void) => void;
}

/**
 * A program that runs in this process. It returns its exit code. If it throws, the error is written to standard error,
 * and the exit code is 1.
 */
export type Program = (args: readonly string[], context: ProgramContext) => Promise<number>;

export interface VirtualMachineOptions {
  host?: string;
  /** The identifier of this start of the machine. It is different after a power cut. */
  boot?: string;
  /** The programs that run if Node is started with a file, by the path of the file. */
  programs?: ReadonlyMap<string, Program>;
  /** The output of each command, by its words, such as `git rev-parse HEAD`. No other commands exist. */
  commands?: Readonly<Record<string, string>>;
  /** The file system for the output files of programs. */
  files?: Files;
}

type Signal = 'SIGTERM' | 'SIGKILL';

interface Running {
  readonly pid: number;
  readonly ended: Promise<ProcessEnd>;
  /** Aborts when the process has ended. */
  readonly gone: AbortSignal;
  /** Ends the process. A second call has no effect. */
  end(end: ProcessEnd): void;
  onTerminate?: () => void;
}

/** A machine whose processes are programs in this process. Their ids are 1000, 1001 and so on. */
export class VirtualMachine {
  private readonly running = new Map<number, Running>();
  private lastPid = 999;

  constructor(private readonly options: VirtualMachineOptions = {}) {}

  /** Adds a process that no other process of the machine has started. Returns the processes as this one sees them. */
  enter(): Processes {
    return this.seenBy(this.add().pid, '');
  }

  private seenBy(pid: number, input: string): Processes {
    const { host = 'virtual', boot = 'first', commands = {} } = this.options;
    return {
      pid,
      host,
      node: '/usr/bin/node',
      input: async () => input,
      isAlive: (other) => this.running.has(other),
      birthOf: (other) => (this.running.has(other) ? `${boot} ${other}` : undefined),
      ownerOf: (other) => (this.running.has(other) ? 0 : undefined),
      kill: (other, signal) => this.kill(other, signal),
      startNode: (program, args, options) => this.start(program, args, options),
      run: async (command, args) => {
        const output = commands[[command, ...args].join(' ')];
        if (output === undefined) throw processError('ENOENT', `spawn ${command}`);
        return output;
      },
    };
  }

  private add(): Running {
    const pid = ++this.lastPid;
    const gone = new AbortController();
    let end!: (end: ProcessEnd) => void;
    const ended = new Promise<ProcessEnd>((resolve) => {
      end = (how) => {
        if (!this.running.delete(pid)) return;
        resolve(how);
        gone.abort(new Error(`process ${pid} has ended`));
      };
    });
    const process: Running = { pid, ended, gone: gone.signal, end };
    this.running.set(pid, process);
    return process;
  }

  private kill(pid: number, signal: Signal): void {
    const process = this.running.get(pid);
    if (!process) throw processError('ESRCH', 'kill');
    if (signal === 'SIGTERM' && process.onTerminate) process.onTerminate();
    else process.end({ code: null, signal });
  }

  private start(path: string, args: readonly string[], options: StartOptions = {}): ChildProcess {
    const { env = {}, outputFile, onError, input = '' } = options;
    const { files } = this.options;
    if (outputFile !== undefined && !files) throw new Error('A virtual machine without a disk has no output files.');
    const process = this.add();
    let written = Promise.resolve();
    const writeError = (text: string) => {
      if (process.gone.aborted) return;
      if (outputFile === undefined || !files) onError?.(text);
      // What a full or broken disk does not take is lost, as it is to a program that prints.
      else written = written.then(() => append(files, outputFile, text)).catch(() => undefined);
    };
    const context: ProgramContext = {
      processes: this.seenBy(process.pid, input),
      env,
      ended: process.gone,
      writeError,
      onTerminate: (action) => {
        process.onTerminate = action;
      },
    };
    const run = async () => {
      const program = this.options.programs?.get(path);
      if (!program) throw new Error(`Cannot find module '${path}'`);
      return program(args, context);
    };
    run().then(
      (code) => process.end({ code, signal: null }),
      (error: unknown) => {
        writeError(`${error instanceof Error ? error.stack : String(error)}\n`);
        process.end({ code: 1, signal: null });
      },
    );
    const ended = process.ended.then((end) => written.then(() => end));
    // The caller that waits for the end receives the error. This handler only avoids an unhandled rejection.
    ended.catch(() => undefined);
    return {
      pid: process.pid,
      ended,
      kill: (signal) => {
        if (this.running.has(process.pid)) this.kill(process.pid, signal);
      },
      release: () => undefined,
    };
  }
}

/** Returns the error that Node throws for `code`. */
function processError(code: 'ENOENT' | 'ESRCH', call: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${call} ${code}`), { errno: -constants.errno[code], code, syscall: call });
}

async function append(files: Files, path: string, text: string): Promise<void> {
  const handle = await files.open(path, (await files.status(path)) ? 'update' : 'create');
  try {
    await handle.write(Buffer.from(text), await handle.size());
  } finally {
    await handle.close();
  }
}
