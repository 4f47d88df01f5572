import { coordinatorOf } from '@prunegrid/coordinator/sweep/folder';
import { Failure } from '@prunegrid/core/failure';
import { join, resolve } from 'node:path';

import { claimSweepFolder, planSweep } from '../../api/sweep.js';
import { type CommandEnvironment, print } from '../../environment.js';
import { coordinatorsOf, sweepSubmitJob, type SweepSubmitOptions } from './submit-job.js';
import { soon } from './waiting.js';

/**
 * `prunegrid sweep submit`: does the same as `run`, but in a separate process that continues after the terminal is
 * closed, or in a job if the launcher has jobs for coordinators. It returns when the sweep has started, or was submitted.
 * That process writes its output to `log.txt` in the sweep's folder.
 * Throws Failure if the process ends before the sweep has started.
 */
export async function sweepSubmit(
  file: string,
  options: SweepSubmitOptions,
  flags: readonly string[],
  environment: CommandEnvironment,
): Promise<void> {
  const { out, json, set, seeds, launch, print: printOnly } = options;
  if (flags.includes('--user')) throw new Failure('input', '--user: goes with --queue: leave it out, or name a queue');
  const { runtime, program } = environment;
  const sweep = await planSweep(file, { ...(set && { set }), ...(seeds !== undefined && { seeds }) }, environment);
  const { plan } = sweep;
  const jobs = coordinatorsOf(plan, launch);
  if (jobs) return sweepSubmitJob(sweep, jobs, options, flags, environment);
  if (printOnly) {
    throw new Failure(
      'input',
      '--print: shows the scripts of a coordinator that is a job, as with --launch slurm or kubernetes',
    );
  }
  const place = out ?? (await claimSweepFolder(runtime, plan));
  const folder = resolve(place);
  await runtime.files.makeFolder(folder);
  const logFile = join(folder, 'log.txt');
  const child = runtime.processes.startNode(program, ['sweep', 'run', file, ...flags, '--out', folder], {
    detached: true,
    // It outlives the npm that this command may have been started by; see `wrapperOf`.
    env: { npm_command: '' },
    outputFile: logFile,
  });
  let exit: number | string | undefined;
  child.ended.then(
    ({ code, signal }) => (exit = code ?? signal ?? '?'),
    ({ message }: Error) => (exit = message),
  );
  const begun = await soon(
    async () => exit !== undefined || (await coordinatorOf(runtime, folder))?.pid === child.pid,
    runtime.clock,
  );
  if (!begun || exit !== undefined) {
    const log = await runtime.files.read(logFile).catch(() => '');
    const said = /^prunegrid: (.*)$/m.exec(log.toString())?.[1];
    throw new Failure(
      'environment',
      `the sweep did not begin (${exit ?? 'no sign of it'}): ${said ?? `see ${logFile}`}`,
    );
  }
  child.release();
  if (json) print(environment, JSON.stringify({ folder: place, pid: child.pid }));
  else {
    print(environment, `${plan.name}: running in ${place}, process ${child.pid}`);
    print(environment, `Watch it: prunegrid sweep watch ${place}; end it: prunegrid sweep cancel ${place}`);
  }
}
