/** How a process ended: its exit code, or the signal that ended it. */
export interface ProcessEnd {
  code: number | null;
  signal: string | null;
}

export interface StartOptions {
  /** Variables on top of this process's own. */
  env?: Readonly<Record<string, string>>;
  folder?: string;
  /** In a process group of its own, so that Ctrl-C in this terminal does not reach it. */
  detached?: boolean;
  /** A file to which its standard output and standard error are appended; otherwise `onError` sees the latter. */
  outputFile?: string;
  /** Called with what it writes to standard error. */
  onError?: (text: string) => void;
}

/** A process that was started from here. */
export interface ChildProcess {
  /** Undefined if it could not be started: `ended` then rejects with the reason. */
  readonly pid: number | undefined;
  /** Resolves when it has ended and all of its output has been seen. */
  readonly ended: Promise<ProcessEnd>;
  kill(signal: 'SIGTERM' | 'SIGKILL'): void;
  /** Lets this process end before the other one. */
  release(): void;
}

/** This process and others of the machine. */
export interface Processes {
  readonly pid: number;
  /** The machine's name. */
  readonly host: string;
  /** Whether there is a process with this id on this machine, of whatever user. */
  isAlive(pid: number): boolean;
  /** Tells the process with this id from an earlier or later one of the same id; undefined if the system does not tell. */
  birthOf(pid: number): string | undefined;
  /** Sends a signal to a process of this machine. Throws Node's error if there is none, or if it is another user's. */
  kill(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void;
  /** Starts Node on a program file with these arguments and V8 options. */
  startNode(
    program: string,
    args: readonly string[],
    options?: StartOptions & { v8?: readonly string[] },
  ): ChildProcess;
  /** Runs a command to its end and returns its standard output. Rejects if it is not there or exits with another code than 0. */
  run(command: string, args: readonly string[], folder: string): Promise<string>;
}
