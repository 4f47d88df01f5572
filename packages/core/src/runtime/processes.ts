/** How a process ended: its exit code, or the signal that ended it. */
export interface ProcessEnd {
  code: number | null;
  signal: string | null;
}

export interface StartOptions {
  /** Environment variables in addition to those of this process; one that is undefined is withheld from the process. */
  env?: Readonly<Record<string, string | undefined>>;
  folder?: string;
  /** Whether the process gets its own process group, so that Ctrl-C in this terminal does not reach it. */
  detached?: boolean;
  /**
   * A file to which the standard output and standard error are appended. Without it, `onError` receives standard error.
   */
  outputFile?: string;
  /** Called with the text that the process writes to standard error. */
  onError?: (text: string) => void;
  /**
   * The standard input of the process, which is empty otherwise. Unlike arguments and the environment, other users of
   * the machine cannot read it.
   */
  input?: string;
}

/** A process that this process started. */
export interface ChildProcess {
  /** The process id, or undefined if the process could not be started; `ended` then rejects with the reason. */
  readonly pid: number | undefined;
  /** Resolves when the process has ended and all of its output has been received. */
  readonly ended: Promise<ProcessEnd>;
  kill(signal: 'SIGTERM' | 'SIGKILL'): void;
  /** Allows this process to end before the child process does. */
  release(): void;
}

/** This process and the other processes of the machine. */
export interface Processes {
  readonly pid: number;
  /** The machine's name. */
  readonly host: string;
  /** The path of the program of Node.js that runs this process. */
  readonly node: string;
  /** Reads this process's standard input to its end. */
  input(): Promise<string>;
  /** Returns whether a process with this id exists on this machine. It may belong to any user. */
  isAlive(pid: number): boolean;
  /**
   * Returns a text that distinguishes the process from earlier and later ones with the same id, or undefined if the
   * system does not provide one.
   */
  birthOf(pid: number): string | undefined;
  /** Returns the number of the user who owns the process, or undefined if the system does not tell it. */
  ownerOf(pid: number): number | undefined;
  /**
   * Sends a signal to a process of this machine. Throws the error of Node.js if the process does not exist or belongs
   * to another user.
   */
  kill(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void;
  /** Starts Node.js with a program file, its arguments and V8 options. */
  startNode(
    program: string,
    args: readonly string[],
    options?: StartOptions & { v8?: readonly string[] },
  ): ChildProcess;
  /**
   * Runs a command to its end and returns its standard output. Rejects if the command does not exist or its exit code
   * is not 0, with an error whose `stderr` is what the command has written to standard error.
   */
  run(command: string, args: readonly string[], folder: string, options?: Pick<StartOptions, 'env'>): Promise<string>;
}
