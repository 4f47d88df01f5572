import { createRequire } from 'node:module';

import type { Runtime } from '@prunegrid/core/runtime';
import { version } from '@prunegrid/core/version';
import type { Spec } from '@prunegrid/coordinator/experiment/spec';
import { chooseLauncher, launchers } from '@prunegrid/coordinator/launch';
import type { TrainerChoice } from '@prunegrid/coordinator/launch/trainers';
import type { RunResult } from '@prunegrid/coordinator/training/records';
import { readResumeState } from '@prunegrid/coordinator/training/resume-state';
import { describeInvocation } from '@prunegrid/coordinator/training/manifest';
import { createSweepFolder, lockSweep } from '@prunegrid/coordinator/sweep/folder';
import type { SweepPlan } from '@prunegrid/coordinator/sweep/planner/plan';
import { openSweep, runSweep, sweepResources } from '@prunegrid/coordinator/sweep/scheduler/sweep';
import type { SweepState } from '@prunegrid/coordinator/sweep/state';
import { VirtualClock } from '@prunegrid/testing/clock';
import type { MemoryDisk } from '@prunegrid/testing/disk';
import { virtualHost } from '@prunegrid/testing/host';
import { MemoryNetwork, type NetworkOptions } from '@prunegrid/testing/network';
import type { Program } from '@prunegrid/testing/processes';
import { never, runIn } from '@prunegrid/testing/simulation/run';
import { serve } from '@prunegrid/trainer/worker';

/** The file that the local launcher starts for each trainer. */
const trainerProgram = createRequire(import.meta.url).resolve('@prunegrid/trainer/bin');

export interface ClusterOptions extends Omit<NetworkOptions, 'clock' | 'seed'> {
  seed: number;
  /** A cluster that has lost power. This one is the same machine a minute later; `seed` draws what its disk has kept, too. */
  after?: SimulatedCluster;
}

/** A coordinator's machine, on which trainers can be started too, in this process and in virtual time. */
export class SimulatedCluster {
  readonly clock: VirtualClock;
  readonly network: MemoryNetwork;
  readonly disk: MemoryDisk;
  readonly runtime: Runtime;
  readonly warnings: string[] = [];

  constructor({ seed, after, ...network }: ClusterOptions) {
    this.clock = new VirtualClock(after && { start: after.clock.now() + 60_000 });
    this.network = new MemoryNetwork({ ...network, clock: this.clock, seed });
    const programs = new Map([[trainerProgram, this.trainer]]);
    const files = after?.disk.afterPowerCut({ clock: this.clock, seed });
    const host = virtualHost({ seed, clock: this.clock, programs, ...(files && { files }) });
    this.disk = host.files;
    this.runtime = { ...host, transport: this.network.end('coordinator') };
  }

  /** Runs an experiment in a folder, or resumes it if something has been saved there, by trainers that are started for it. */
  runExperiment(spec: Spec, folder: string, trainers: TrainerChoice): Promise<RunResult> {
    return runIn(this.runtime, spec, folder, trainers, (line) => void this.warnings.push(line));
  }

  /** Resumes a run from what is in its folder or, if nothing has been saved there, runs it in the folder `/runs/again`. */
  async resumeOrRestart(spec: Spec, folder: string, trainers: TrainerChoice): Promise<{ resumed: boolean }> {
    const { resumeState } = await readResumeState(this.runtime, folder);
    await this.runExperiment(spec, resumeState ? folder : '/runs/again', trainers);
    return { resumed: resumeState !== undefined };
  }

  /** Runs all trials of a sweep by trainers that are started for it. Returns what has become of them. */
  async runSweep(plan: SweepPlan, folder: string, trainers: TrainerChoice): Promise<SweepState> {
    const { runtime } = this;
    const manifest = {
      ...{ runId: runtime.random.uuid(), name: plan.name, file: 'simulated', base: plan.base, versions: {} },
      ...{ cells: new Set(plan.trials.map(({ cell }) => cell)).size, trials: plan.trials.length, axes: [] },
      ...(await describeInvocation(runtime)),
    };
    await createSweepFolder(runtime, folder, { manifest, plan });
    const lock = await lockSweep(runtime, folder);
    try {
      const sweep = await openSweep(runtime, folder, { manifest, plan }, lock);
      await runSweep(
        sweep,
        { type: 'sweep-started', manifest },
        {
          ...{ resources: sweepResources(runtime, Infinity), trainers, launch: chooseLauncher(launchers, {}) },
          ...{ maxConcurrent: Infinity, retries: 1, failFast: true, subscribers: [], interrupted: never },
          signal: new AbortController().signal,
          onEvent: () => undefined,
          warn: (line) => void this.warnings.push(line),
          onProgress: () => undefined,
        },
      );
      return sweep.state;
    } finally {
      await lock.release();
    }
  }

  /** Kills the process of a trainer, which the launcher then starts again. The first that is started is process 1001. */
  readonly killTrainer = (pid: number): void => {
    this.runtime.processes.kill(pid, 'SIGKILL');
    this.network.kill(`trainer ${pid}`);
  };

  private readonly trainer: Program = async (args, { processes, writeError }) => {
    const transport = this.network.end(`trainer ${processes.pid}`);
    const coordinator = args[args.indexOf('--coordinator') + 1];
    const report = (line: string) => writeError(`${line}\n`);
    const token = await processes.input();
    await serve({
      ...{ coordinator, token, version, redialMs: 0, report },
      runtime: { ...this.runtime, processes, transport },
    });
    return 0;
  };
}
