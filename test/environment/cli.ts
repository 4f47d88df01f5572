import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const program = join(root, 'packages/cli/bin/prunegrid.js');
const benchProgram = join(root, 'packages/bench/bin/prunegrid-bench.js');

export interface Ended {
  /** Exit code, or the signal's name. */
  code: number | NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** A `prunegrid` process that has been started. */
export interface Running {
  process: ChildProcess;
  ended: Promise<Ended>;
  /** Resolves with the first match in what it prints; rejects when it ends without one. */
  prints(pattern: RegExp): Promise<RegExpExecArray>;
}

/** Starts `prunegrid` with these arguments, from the repository's root and without MLflow. */
export const start = (...args: string[]): Running => startProgram(program, ...args);

function startProgram(file: string, ...args: string[]): Running {
  const { MLFLOW_TRACKING_URI: _, ...env } = process.env;
  const child = spawn(process.execPath, [file, ...args], { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  const watchers = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
      for (const look of watchers) look();
    });
  }
  const ended = new Promise<Ended>((resolve) =>
    child.on('close', (code, signal) => resolve({ code: code ?? signal, ...output })),
  );
  return {
    process: child,
    ended,
    prints: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(output.stdout + output.stderr);
          if (match) resolve(match);
        };
        watchers.add(look);
        look();
        void ended.then(({ code }) => reject(new Error(`ended with ${code} without ${pattern}: ${output.stderr}`)));
      }),
  };
}

export const prunegrid = (...args: string[]): Promise<Ended> => start(...args).ended;

const EXTENSION = createRequire(import.meta.url).resolve('@prunegrid/testing/extension');
/** The commands that load extensions, as their first words. */
const EXTENSIBLE = /^(run|trainer|serve|evaluate|sweep,(run|plan|submit))(,|$)/;

/**
 * `start` and `prunegrid` for experiments with the engine `small`, such as test/environment/small.yaml. Tests that are not about
 * an engine use it: each trainer is ready at once, for which TensorFlow takes a processor for seconds.
 */
export const small = {
  start: (...args: string[]): Running =>
    start(...args, ...(EXTENSIBLE.test(args.join()) ? ['--extension', EXTENSION] : [])),
  prunegrid: (...args: string[]): Promise<Ended> => small.start(...args).ended,
};

/** `prunegrid-bench`. */
export const prunegridBench = (...args: string[]): Promise<Ended> => startProgram(benchProgram, ...args).ended;

/** A folder that `remove` deletes. */
export async function temporaryFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'prunegrid-test-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

export const sha256 = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

/** The records of a run's journal, without what the file's format adds to a line. */
export const journalOf = (folder: string): Record<string, unknown>[] =>
  readFileSync(join(folder, 'journal.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => {
      const {
        format: _format,
        version: _version,
        chain: _chain,
        ...record
      } = JSON.parse(line) as Record<string, unknown>;
      return record;
    });

/** Returns the records of one type in a run's journal. */
export const ofType = (folder: string, type: string): Record<string, unknown>[] =>
  journalOf(folder).filter((record) => record.type === type);

/** Returns whether a process with this id is alive. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Returns the process ids of the trainers that a run had. */
export const pidsOf = (run: string) => ofType(run, 'trainer-joined').map(({ pid }) => pid as number);
