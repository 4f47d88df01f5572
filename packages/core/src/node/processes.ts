import { execFile, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { hostname } from 'node:os';
import { promisify } from 'node:util';

import type { ChildProcess, Processes, ProcessEnd } from '../runtime/processes.js';

/** The machine's processes. */
export const nodeProcesses: Processes = {
  pid: process.pid,
  host: hostname(),
  isAlive(pid) {
    try {
      process.kill(pid, 0);
      return true;
    } catch (error) {
      // It is another user's.
      return (error as NodeJS.ErrnoException).code === 'EPERM';
    }
  },
  kill: (pid, signal) => void process.kill(pid, signal),
  startNode(program, args, { env, folder, detached = false, outputFile, onError, v8 = [] } = {}): ChildProcess {
    const output = outputFile === undefined ? undefined : openSync(outputFile, 'a');
    const child = spawn(process.execPath, [...v8, program, ...args], {
      detached,
      ...(folder !== undefined && { cwd: folder }),
      env: { ...process.env, ...env },
      stdio: ['ignore', output ?? 'ignore', output ?? 'pipe'],
    });
    if (output !== undefined) closeSync(output);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => onError?.(text));
    const ended = new Promise<ProcessEnd>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => resolve({ code, signal }));
    });
    // Whoever waits for its end learns of it.
    ended.catch(() => undefined);
    return {
      pid: child.pid,
      ended,
      kill: (signal) => void child.kill(signal),
      release: () => child.unref(),
    };
  },
  run: async (command, args, folder) => (await promisify(execFile)(command, args, { cwd: folder })).stdout,
};
