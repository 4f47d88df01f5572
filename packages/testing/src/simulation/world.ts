import { createRequire } from 'node:module';

import type { Spec } from '@prunegrid/coordinator/experiment/spec';
import type { TrainerChoice } from '@prunegrid/coordinator/launch/trainers';
import { Failure } from '@prunegrid/core/failure';
import { refusalOf } from '@prunegrid/core/files';
import { RandomStream } from '@prunegrid/core/randomness/philox';
import type { ChildProcess, Host, Runtime, Transport } from '@prunegrid/core/runtime';
import { version } from '@prunegrid/core/version';
import { serve } from '@prunegrid/trainer/worker';

import { VirtualClock } from '../clock/virtual-clock.js';
import { MemoryDisk } from '../disk/memory-disk.js';
import { faulty } from '../engine/engine.js';
import { Life, livedIn } from '../host/life.js';
import { type VirtualHost, virtualHost } from '../host/virtual-host.js';
import { MemoryNetwork, type NetworkOptions } from '../network/memory-network.js';
import type { Program, ProgramContext } from '../processes/virtual-machine.js';
import { runIn } from './run.js';

/** The purpose that keeps these random numbers independent of those of a run. */
const LATENCY = 105;
/** The file that the local launcher starts for each trainer. */
const TRAINER = createRequire(import.meta.url).resolve('@prunegrid/trainer/bin');
const COORDINATOR = 'the coordinator';
/** Milliseconds for which trainers that were started by hand dial again. */
const REDIAL_MS = 120_000;
/** Milliseconds from a power cut to the moment at which the machines run again. */
const POWER_MS = 60_000;

export const FOLDER = '/runs/one';

export interface WorldOptions extends Omit<NetworkOptions, 'clock'> {
  /** The longest time that an operation of the disk takes, in milliseconds. */
  diskMs: number;
  spec: Spec;
  /** Returns the trainers of a coordinator on this machine. */
  choiceOn: (machine: string) => TrainerChoice;
  /** The token of the coordinators. */
  token: string;
  /** Returns the transport of a rogue in place of its own, given how many processes of its kind have been started before. */
  tamper?: ((transport: Transport, kind: Process['kind'], before: number) => Transport) | undefined;
}

/** A process of the world. */
export interface Process {
  /** Name of its end of the network. */
  name: string;
  kind: 'coordinator' | 'trainer';
  /** The machine on which it runs. */
  machine: string;
  kill: () => void;
  terminate: () => void;
  /** Makes its processor compute wrong gradients from now on. */
  corrupt: () => void;
  life: Life;
}

/** How a process has ended that could not go on. */
export interface Ending {
  kind: Process['kind'];
  /** What it said last. */
  reason: string;
  /** Whether it is an expected failure, in one line. */
  isRefusal: boolean;
}

/** Machines with one disk and one network, on which coordinators and trainers run, all in one process and in virtual time. */
export class World {
  readonly clock = new VirtualClock();
  /** What is stored; another object after a power cut. */
  disk: MemoryDisk;
  readonly network: MemoryNetwork;
  /** Everything that was said to a user, with its time. */
  readonly said: string[] = [];
  /** The processes that have ended by an error, in this order. */
  readonly ended: Ending[] = [];
  private readonly machines = new Map<string, VirtualHost>();
  private readonly running = new Map<string, Process>();
  private readonly starts = { coordinator: 0, trainer: 0 };
  /** How many machines have been started. */
  private boots = 0;
  private powered: Promise<void> = Promise.resolve();

  constructor(private readonly options: WorldOptions) {
    const { clock } = this;
    this.network = new MemoryNetwork({ ...options, clock });
    const { diskMs, seed } = options;
    const random = new RandomStream(seed, LATENCY);
    const latency = () => clock.sleep(random.nextBelow(diskMs + 1));
    this.disk = new MemoryDisk({ clock, ...(diskMs > 0 && { latency }) });
  }

  /** The processes that have not ended, in the order of their start. */
  get processes(): readonly Process[] {
    return [...this.running.values()];
  }

  /** Resolves when the machines have power. */
  get power(): Promise<void> {
    return this.powered;
  }

  /** Cuts the power of all machines after so many more operations of the disk. It comes back after a while. */
  async losePower(operations: number): Promise<void> {
    await this.disk.losePowerAfter(operations);
    this.powered = this.clock.sleep(POWER_MS);
    for (const { machine, kill } of this.processes) {
      kill();
      this.say(machine, 'the power fails');
    }
    this.machines.clear();
    this.disk = this.disk.afterPowerCut({ clock: this.clock, seed: this.options.seed });
  }

  /** Makes the disk what a power cut would leave that spares nothing which was not synced. */
  forgetUnsynced(): void {
    this.machines.clear();
    this.disk = this.disk.afterPowerCut({ clock: this.clock });
  }

  /** Starts a coordinator on a machine. It runs the experiment in FOLDER, or resumes it. */
  startCoordinator(machine: string): ChildProcess {
    return this.start(machine, COORDINATOR, []);
  }

  /** Starts a trainer on a machine that dials again when it has lost the coordinator. */
  startTrainer(machine: string, coordinator: string): ChildProcess {
    return this.start(machine, TRAINER, ['--coordinator', coordinator]);
  }

  private start(machine: string, program: string, args: string[]): ChildProcess {
    const { processes } = this.machine(machine);
    return processes.startNode(program, args, {
      input: this.options.token,
      onError: (text) => this.say(machine, text),
    });
  }

  /** Returns a machine of this name, without its network. */
  hostOn(name: string): Host {
    return this.machine(name);
  }

  private machine(name: string): VirtualHost {
    const known = this.machines.get(name);
    if (known) return known;
    const programs = new Map<string, Program>([
      [TRAINER, (args, context) => this.trainer(name, args, context)],
      [COORDINATOR, (_, context) => this.coordinator(name, context)],
    ]);
    const { clock, disk: files } = this;
    // A machine that has been started again has the same process ids as before, but draws other secrets.
    const seed = this.options.seed + this.boots++;
    const machine = virtualHost({ seed, clock, files, host: name, programs });
    this.machines.set(name, machine);
    return machine;
  }

  private async coordinator(machine: string, context: ProgramContext): Promise<number> {
    const { spec, choiceOn } = this.options;
    const warn = (line: string) => context.writeError(`${line}\n`);
    return this.live(machine, 'coordinator', context, async (runtime) => {
      await runIn(runtime, spec, FOLDER, choiceOn(machine), warn);
    });
  }

  private async trainer(machine: string, args: readonly string[], context: ProgramContext): Promise<number> {
    const valueOf = (flag: string) => (args.includes(flag) ? args[args.indexOf(flag) + 1] : undefined);
    const coordinator = valueOf('--coordinator') as string;
    const redialMs = valueOf('--redial') === '0' ? 0 : REDIAL_MS;
    const leaving = new AbortController();
    return this.live(
      machine,
      'trainer',
      context,
      async (runtime) => {
        const token = await context.processes.input();
        const report = (line: string) => context.writeError(`${line}\n`);
        await serve({ coordinator, token, version, redialMs, leaving: leaving.signal, report, runtime });
      },
      () => leaving.abort(),
    );
  }

  /** Runs a process and returns its exit code. */
  private async live(
    machine: string,
    kind: Process['kind'],
    { processes, ended, writeError, onTerminate }: ProgramContext,
    work: (runtime: Runtime) => Promise<void>,
    leave?: () => void,
  ): Promise<number> {
    const name = `${kind} ${processes.pid} on ${machine}, ${processes.birthOf(processes.pid)}`;
    const life = new Life();
    let finished = false;
    if (leave) onTerminate(() => life.do(leave));
    const signal = (which: 'SIGKILL' | 'SIGTERM') => () => this.machine(machine).processes.kill(processes.pid, which);
    const { tamper = (same: Transport) => same } = this.options;
    const transport = tamper(this.network.end(name), kind, this.starts[kind]++);
    const runtime = livedIn({ ...this.machine(machine), processes, transport }, life);
    const corrupt = () => void faulty.add(runtime.clock);
    this.running.set(name, {
      name,
      kind,
      machine,
      life,
      kill: signal('SIGKILL'),
      terminate: signal('SIGTERM'),
      corrupt,
    });
    ended.addEventListener('abort', () => {
      this.running.delete(name);
      life.kill();
      // What a process has sent before it ends by itself still arrives.
      if (!finished) this.network.kill(name);
    });
    try {
      await work(runtime);
      return 0;
    } catch (error) {
      const failure = error instanceof Failure ? error : refusalOf(error);
      if (life.isKilled) return 1;
      const reason = failure?.message ?? (error as Error).stack ?? String(error);
      writeError(`${reason}\n`);
      this.ended.push({ kind, reason, isRefusal: failure !== undefined && !reason.includes('\n') });
      return failure?.exitCode ?? 1;
    } finally {
      finished = true;
    }
  }

  private say(machine: string, text: string): void {
    this.said.push(`${(this.clock.monotonic() / 1000).toFixed(3)} ${machine}: ${text.trimEnd()}`);
  }
}
