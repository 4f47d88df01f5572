import type { Clock, FileHandle, Files, Processes, Runtime, Timer } from '@prunegrid/core/runtime';

/**
 * Whether a process in this process runs, is stopped (as by SIGSTOP) or has been killed. What it does with its runtime
 * waits while it is stopped, and never happens once it has been killed.
 */
export class Life {
  private state: 'runs' | 'stopped' | 'killed' = 'runs';
  private readonly waiting: (() => void)[] = [];

  stop(): void {
    if (this.state === 'runs') this.state = 'stopped';
  }

  continue(): void {
    if (this.state !== 'stopped') return;
    this.state = 'runs';
    for (const action of this.waiting.splice(0)) action();
  }

  kill(): void {
    this.state = 'killed';
    this.waiting.length = 0;
  }

  get isStopped(): boolean {
    return this.state === 'stopped';
  }

  get isKilled(): boolean {
    return this.state === 'killed';
  }

  /** Calls `action` now, when the process is continued, or never. */
  do(action: () => void): void {
    if (this.state === 'runs') action();
    else if (this.state === 'stopped') this.waiting.push(action);
  }

  /** Resolves when the process runs. */
  runs(): Promise<void> {
    return new Promise((resolve) => this.do(resolve));
  }
}

/** Returns the runtime as a process with this life sees it. Its network is another matter: see `MemoryNetwork`. */
export const livedIn = (runtime: Runtime, life: Life): Runtime => ({
  ...runtime,
  clock: clockIn(runtime.clock, life),
  files: filesIn(runtime.files, life),
  processes: processesIn(runtime.processes, life),
});

function clockIn(clock: Clock, life: Life): Clock {
  const timer = (set: (action: () => void) => Timer, action: () => void): Timer => {
    let cancelled = false;
    const inner = set(() => life.do(() => void (cancelled || action())));
    return {
      cancel() {
        cancelled = true;
        inner.cancel();
      },
    };
  };
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    sleep: (milliseconds, signal) =>
      clock.sleep(milliseconds, signal).then(
        () => life.runs(),
        (error: unknown) => life.runs().then(() => Promise.reject(error as Error)),
      ),
    after: (milliseconds, action) => timer((act) => clock.after(milliseconds, act), action),
    every: (milliseconds, action) => timer((act) => clock.every(milliseconds, act), action),
    turn: () => clock.turn().then(() => life.runs()),
  };
}

function filesIn(files: Files, life: Life): Files {
  const lived =
    <Args extends unknown[], T>(operation: (...args: Args) => Promise<T>) =>
    async (...args: Args): Promise<T> => {
      await life.runs();
      const result = await operation(...args);
      await life.runs();
      return result;
    };
  const handleIn = (handle: FileHandle): FileHandle => ({
    read: lived((into, position) => handle.read(into, position)),
    write: lived((bytes, position) => handle.write(bytes, position)),
    size: lived(() => handle.size()),
    truncate: lived((length) => handle.truncate(length)),
    sync: lived(() => handle.sync()),
    close: lived(() => handle.close()),
  });
  return {
    open: lived(async (path, mode) => handleIn(await files.open(path, mode))),
    read: lived((path) => files.read(path)),
    readOwned: lived((path, mostBytes, options) => files.readOwned(path, mostBytes, options)),
    async *readPieces(path, start, end) {
      await life.runs();
      for await (const piece of files.readPieces(path, start, end)) {
        yield piece;
        await life.runs();
      }
    },
    status: lived((path, options) => files.status(path, options)),
    list: lived((folder) => files.list(folder)),
    makeFolder: lived((path) => files.makeFolder(path)),
    claimFolder: lived((path) => files.claimFolder(path)),
    rename: lived((from, to) => files.rename(from, to)),
    remove: lived((path) => files.remove(path)),
    touch: lived((path) => files.touch(path)),
    syncFolder: lived((folder) => files.syncFolder(folder)),
    cacheFolder: () => files.cacheFolder(),
    userFile: (variable, path) => files.userFile(variable, path),
    makeTemporaryFolder: lived((prefix) => files.makeTemporaryFolder(prefix)),
  };
}

const processesIn = (processes: Processes, life: Life): Processes => ({
  pid: processes.pid,
  host: processes.host,
  node: processes.node,
  input: () => processes.input(),
  isAlive: (pid) => processes.isAlive(pid),
  birthOf: (pid) => processes.birthOf(pid),
  ownerOf: (pid) => processes.ownerOf(pid),
  kill: (pid, signal) => life.do(() => processes.kill(pid, signal)),
  startNode(program, args, options) {
    if (!life.isKilled) return processes.startNode(program, args, options);
    const never = new Promise<never>(() => undefined);
    return { pid: undefined, ended: never, kill: () => undefined, release: () => undefined };
  },
  run: (command, args, folder) => processes.run(command, args, folder),
});
