import { execFile, spawn } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';

import type { ChildProcess, Processes, ProcessEnd } from '../runtime/processes.js';

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = constants;

/** Largest output of a command, in bytes: the queue of a large cluster is tens of megabytes. */
const MOST_OUTPUT = 512 << 20;

/** The machine's processes. */
export const nodeProcesses: Processes = {
  pid: process.pid,
  host: hostname(),
  node: process.execPath,
  input: () => text(process.stdin),
  isAlive(pid) {
    try {
      process.kill(pid, 0);
      // A zombie has ended, but its parent has not collected its exit status yet.
      return linuxStatus(pid)?.state !== 'Z';
    } catch (error) {
      // The process exists, but belongs to another user.
      return (error as NodeJS.ErrnoException).code === 'EPERM';
    }
  },
  birthOf(pid) {
    const status = linuxStatus(pid);
    return status && `${status.boot} ${status.startTime}`;
  },
  ownerOf(pid) {
    try {
      return statSync(`/proc/${pid}`).uid;
    } catch {
      return undefined;
    }
  },
  kill: (pid, signal) => void process.kill(pid, signal),
  startNode(program, args, { env, folder, detached = false, outputFile, onError, input, v8 = [] } = {}): ChildProcess {
    const output =
      outputFile === undefined ? undefined : openSync(outputFile, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW);
    const child = spawn(process.execPath, [...v8, program, ...args], {
      detached,
      ...(folder !== undefined && { cwd: folder }),
      env: { ...process.env, ...env },
      stdio: [input === undefined ? 'ignore' : 'pipe', output ?? 'ignore', output ?? 'pipe'],
    });
    if (output !== undefined) closeSync(output);
    // A process that ends before it has read its input breaks the pipe, and `ended` says why.
    child.stdin?.on('error', () => undefined).end(input);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => onError?.(text));
    const ended = new Promise<ProcessEnd>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => resolve({ code, signal }));
    });
    // Whoever awaits `ended` receives the error. Without this line Node.js would report an unhandled rejection.
    ended.catch(() => undefined);
    return {
      pid: child.pid,
      ended,
      kill: (signal) => void child.kill(signal),
      release: () => child.unref(),
    };
  },
  run: async (command, args, folder, { env } = {}) => {
    const options = { cwd: folder, maxBuffer: MOST_OUTPUT, env: { ...process.env, ...env } };
    return (await promisify(execFile)(command, args, options)).stdout;
  },
};

/**
 * Returns what Linux's /proc says about a process (proc_pid_stat(5)), or undefined on other systems. `startTime` is in
 * clock ticks since the machine started.
 */
function linuxStatus(pid: number): { state: string; startTime: string; boot: string } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the program's name in parentheses, which may hold spaces and parentheses; the state is the
    // third.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return { state: fields[0], startTime: fields[19], boot };
  } catch {
    return undefined;
  }
}
