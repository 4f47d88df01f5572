import { Failure } from '@prunegrid/core/failure';
import { nodeHost } from '@prunegrid/core/node';
import { spawn } from 'node:child_process';
import { mkdir, open, readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { serverOf } from '@prunegrid/coordinator/sweep/queue/folder';
import { coordinatorOf, readSweepFile } from '@prunegrid/coordinator/sweep/folder';
import { planSweep } from '@prunegrid/coordinator/sweep/planner/plan';
import { catalogue } from './catalogue.js';
import { withdraw } from './queued.js';
import { defaultSweepFolder, type SweepRunOptions } from './run.js';

/** How long a submitted sweep may take to begin, and a cancelled one to end, in milliseconds. */
const PATIENCE_MS = 120_000;
const LOOK_MS = 200;

/**
 * `prunegrid sweep submit`: the same as `run` in a process of its own that outlives the terminal; returns once it has begun. Its output goes to
 * `log.txt` in the sweep's folder. Throws Failure where it ends before it begins.
 */
export async function sweepSubmit(
  file: string,
  { out, json, ...overrides }: SweepRunOptions,
  flags: readonly string[],
): Promise<void> {
  if (flags.includes('--user')) throw new Failure('input', '--user: goes with --queue: leave it out, or name a queue');
  const { name } = await planSweep(file, catalogue, overrides);
  const place = out ?? defaultSweepFolder(name);
  const folder = resolve(place);
  await mkdir(folder, { recursive: true });
  const logFile = join(folder, 'log.txt');
  const log = await open(logFile, 'a');
  const child = spawn(process.execPath, [process.argv[1], 'sweep', 'run', file, ...flags, '--out', folder], {
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
  });
  let exit: number | string | undefined;
  child.on('exit', (code, signal) => (exit = code ?? signal ?? '?'));
  child.on('error', ({ message }) => (exit = message));
  await log.close();
  const begun = await until(
    async () => exit !== undefined || (await coordinatorOf(nodeHost, folder))?.pid === child.pid,
  );
  if (!begun || exit !== undefined) {
    const said = /^prunegrid: (.*)$/m.exec(await readFile(logFile, 'utf8'))?.[1];
    throw new Failure(
      'environment',
      `the sweep did not begin (${exit ?? 'no sign of it'}): ${said ?? `see ${logFile}`}`,
    );
  }
  child.unref();
  if (json) console.log(JSON.stringify({ folder: place, pid: child.pid }));
  else {
    console.log(`${name}: running in ${place}, process ${child.pid}`);
    console.log(`Watch it: prunegrid sweep watch ${place}; end it: prunegrid sweep cancel ${place}`);
  }
}

/**
 * `prunegrid sweep cancel`: ends a running sweep at the next step, as ctrl-C does, and takes it out of its queue. Throws Failure where it is
 * neither running here nor queued.
 */
export async function sweepCancel(place: string, { json }: { json: boolean }): Promise<void> {
  const folder = resolve(place);
  const { manifest } = await readSweepFile(nodeHost, folder);
  const withdrawn = await withdraw(manifest);
  const holder = await coordinatorOf(nodeHost, folder);
  if (!holder && !withdrawn) throw new Failure('input', `${place}: is not running`);
  // A server ends the sweep by itself once it is out of the queue.
  const served =
    withdrawn || (manifest.queue && (await serverOf(nodeHost, manifest.queue.folder))?.pid === holder?.pid);
  if (holder && !served) {
    if (holder.host !== hostname()) {
      throw new Failure('input', `${place}: is run by process ${holder.pid} on ${holder.host}: cancel it there`);
    }
    process.kill(holder.pid, 'SIGTERM');
  }
  if (!(await until(async () => (await coordinatorOf(nodeHost, folder)) === null))) {
    const remedy = served ? 'look at the output of its server' : `kill ${holder?.pid} ends it at once`;
    throw new Failure('environment', `${place}: process ${holder?.pid} does not end the sweep: ${remedy}`);
  }
  if (json) console.log(JSON.stringify({ folder: place, condition: 'interrupted' }));
  else console.log(`${place}: ended; go on with prunegrid sweep resume ${place}`);
}

/** Whether it came to be before patience ran out. */
async function until(condition: () => Promise<boolean>): Promise<boolean> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(LOOK_MS)) if (await condition()) return true;
  return false;
}
