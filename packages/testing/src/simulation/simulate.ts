import { createHash } from 'node:crypto';

import type { Spec } from '@prunegrid/coordinator/experiment/spec';
import { writeSecret } from '@prunegrid/core/secrets';

import { schedule } from './befall.js';
import { FOR_EVER, type Scenario } from './faults.js';
import { type FinalState, inspect } from './inspect.js';
import { World, type WorldOptions } from './world.js';

/** The address at which every coordinator of a scenario listens, so that trainers find the next one. */
const ADDRESS = '127.0.0.1:7000';
const TOKEN = 'the-token-of-a-simulated-coordinator';
const TOKEN_FILE = '/token';
/** Milliseconds after which a supervisor starts a process again that has ended, and the longest if it ends again and again. */
const RESTART_MS = 2000;
const LONGEST_RESTART_MS = 60_000;
/** Milliseconds for which a coordinator is silent before another machine starts one in its place. */
const TAKEOVER_MS = 40_000;
/** How often a coordinator may be started. A scenario has fewer faults. */
const MOST_STARTS = 12;

/** What has become of a run. */
export interface Outcome {
  /** SHA-256 of the tensors of the result; undefined if the run was refused, or what is stored is damaged. */
  hash: string | undefined;
  /** Why the run could not go on, or what was found damaged in the end, in one line that names the file. */
  refusal: string | undefined;
  /** How often a coordinator was started, and how often the run was resumed. */
  starts: number;
  resumed: number;
  /** Seconds of virtual time that it took. */
  seconds: number;
  /** What was said to the user. */
  said: readonly string[];
}

/** A run did not keep a promise. The message says which, and what was said to the user meanwhile. */
export class BrokenPromise extends Error {
  constructor(problem: string, said: readonly string[]) {
    super([problem, ...said.slice(-40)].join('\n  '));
  }
}

/**
 * Runs an experiment in virtual time while a scenario's faults happen to it, under a supervisor that starts ended processes again.
 * @throws BrokenPromise if it does not end by itself, a process crashes, it is refused though nothing is damaged or full, or what is
 *   stored in the end is not what the run has computed
 */
export async function simulate(spec: Spec, scenario: Scenario, tamper?: WorldOptions['tamper']): Promise<Outcome> {
  const { seed, trainers, external, reduction, delayMs, diskMs, faults } = scenario;
  const choice = { trainers, external, reduction, listen: ADDRESS, tokenFile: TOKEN_FILE, wait: 90, extensions: [] };
  // On another machine nobody else has trainers.
  const own = { ...choice, trainers: Math.max(1, trainers), external: 0, listen: '127.0.0.1:7001' };
  const choiceOn = (machine: string) => (machine === 'one' ? choice : own);
  const world = new World({ seed, delayMs, diskMs, livenessMs: 25_000, spec, choiceOn, token: TOKEN, tamper });
  const { clock } = world;
  let over = false;
  let starts = 0;

  /** Keeps one coordinator after the other running until one has come to the end, or too many have failed. */
  const supervise = async (machine: string): Promise<boolean> => {
    for (let pause = RESTART_MS; !over && starts < MOST_STARTS; pause = Math.min(2 * pause, LONGEST_RESTART_MS)) {
      await world.power;
      starts++;
      const { code } = await world.startCoordinator(machine).ended;
      if (code === 0) return true;
      await clock.sleep(pause);
    }
    return false;
  };
  /** Starts a coordinator elsewhere if the one that there is has been stopped for long. */
  const takeOver = async (): Promise<boolean> => {
    for (let stopped = 0; !over;) {
      await clock.sleep(1000);
      const first = world.processes.find(({ kind }) => kind === 'coordinator');
      stopped = first?.life.isStopped ? stopped + 1000 : 0;
      if (stopped >= TAKEOVER_MS) return supervise('two');
    }
    return false;
  };
  const keepTrainer = async (): Promise<void> => {
    while (!over) {
      await world.power;
      await world.startTrainer('one', ADDRESS).ended;
      await clock.sleep(RESTART_MS);
    }
  };

  try {
    let won = false;
    await clock.run(async () => {
      await writeSecret({ files: world.disk }, TOKEN_FILE, TOKEN);
      await world.disk.syncFolder('/');
      for (const fault of faults) schedule(fault, world);
      for (let i = 0; i < external; i++) void keepTrainer();
      won = await Promise.race([supervise('one'), takeOver()]);
      over = true;
      // A coordinator that was stopped wakes up and must not write anything.
      await clock.sleep(120_000);
    });
    const seconds = clock.monotonic() / 1000;
    const state = await clock.run(() => inspect(world, won));
    return {
      ...judge(scenario, tamper !== undefined, state, world),
      starts,
      resumed: state.resumed,
      seconds,
      said: world.said,
    };
  } catch (error) {
    throw new BrokenPromise((error as Error).stack ?? String(error), world.said);
  }
}

/** Returns how the run has ended. Throws an error if the scenario does not excuse it. */
function judge(
  { faults }: Scenario,
  hasRogue: boolean,
  state: FinalState,
  { ended }: World,
): Pick<Outcome, 'hash' | 'refusal'> {
  const crash = ended.find(({ isRefusal }) => !isRefusal);
  if (crash) throw new Error(`a ${crash.kind} has crashed: ${crash.reason}`);
  // Damage is found by a checksum, and not by the wrong results that follow from it.
  const wrong = ended.find(({ reason }) => reason.includes('differs from record'));
  if (wrong) throw new Error(wrong.reason);
  const { model, problem, isFinished } = state;
  // Whatever else happens is to be survived.
  const excused =
    hasRogue || faults.some((fault) => fault.kind === 'flip' || (fault.kind === 'full' && fault.lasts === FOR_EVER));
  if (problem !== undefined) {
    if (!excused) throw new Error(`what is stored is damaged: ${problem}`);
    return { hash: undefined, refusal: problem };
  }
  if (!isFinished) {
    const refusal = ended.findLast(({ kind }) => kind === 'coordinator')?.reason ?? 'nothing was said';
    if (!excused) throw new Error(`the run has not ended: ${refusal}`);
    return { hash: undefined, refusal };
  }
  return { hash: model && createHash('sha256').update(model).digest('hex'), refusal: undefined };
}
