import { createHash } from 'node:crypto';

import type { Spec } from '@prunegrid/coordinator/experiment/spec';
import { readJournal } from '@prunegrid/coordinator/journal/reading';
import { runJournal } from '@prunegrid/coordinator/training/records';
import { writeSecret } from '@prunegrid/core/secrets';

import { type Scenario, schedule } from './faults.js';
import { FOLDER, World } from './world.js';

/** The address at which every coordinator of a scenario listens, so that trainers find the next one. */
const ADDRESS = '127.0.0.1:7000';
const TOKEN = 'the-token-of-a-simulated-coordinator';
const TOKEN_FILE = '/token';
/** Milliseconds after which a supervisor starts a process again that has ended. */
const RESTART_MS = 2000;
/** Milliseconds for which a coordinator is silent before another machine starts one in its place. */
const TAKEOVER_MS = 40_000;
/** How often a coordinator may be started. A scenario has fewer faults. */
const MOST_STARTS = 12;

/** What has become of a run. */
export interface Outcome {
  /** SHA-256 of the tensors of the result. */
  hash: string;
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

/** Returns the SHA-256 of the tensors in a safetensors file. */
const hashOf = (bytes: Buffer): string =>
  createHash('sha256')
    .update(bytes.subarray(8 + Number(bytes.readBigUInt64LE(0))))
    .digest('hex');

/**
 * Runs an experiment in virtual time while a scenario's faults happen to it, under a supervisor that starts ended processes again.
 * @throws BrokenPromise if it does not end by itself, or its journal is not complete
 */
export async function simulate(spec: Spec, scenario: Scenario): Promise<Outcome> {
  const { seed, trainers, external, reduction, delayMs, faults } = scenario;
  const choice = { trainers, external, reduction, listen: ADDRESS, tokenFile: TOKEN_FILE, wait: 90, extensions: [] };
  // On another machine nobody else has trainers.
  const own = { ...choice, trainers: Math.max(1, trainers), external: 0, listen: '127.0.0.1:7001' };
  const choiceOn = (machine: string) => (machine === 'one' ? choice : own);
  const world = new World({ seed, delayMs, livenessMs: 25_000, spec, choiceOn, token: TOKEN });
  const { clock, disk } = world;
  let over = false;
  let starts = 0;

  /** Keeps one coordinator after the other running until one has come to the end. */
  const supervise = async (machine: string): Promise<boolean> => {
    while (!over && starts < MOST_STARTS) {
      starts++;
      const { code } = await world.startCoordinator(machine).ended;
      if (code === 0) return true;
      await clock.sleep(RESTART_MS);
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
      await world.startTrainer('one', ADDRESS).ended;
      await clock.sleep(RESTART_MS);
    }
  };

  try {
    await clock.run(async () => {
      await writeSecret({ files: disk }, TOKEN_FILE, TOKEN);
      for (const fault of faults) schedule(fault, world);
      for (let i = 0; i < external; i++) void keepTrainer();
      const won = await Promise.race([supervise('one'), takeOver()]);
      over = true;
      if (!won) throw new Error(`the run has not ended after ${starts} starts of a coordinator`);
      // A coordinator that was stopped wakes up and must not write anything.
      await clock.sleep(120_000);
    });
    const records = await readJournal({ files: disk }, FOLDER, runJournal);
    requireComplete(records);
    const left = (await disk.list(FOLDER)).filter((name) => name.endsWith('.tmp') || name.endsWith('.lock'));
    if (left.length > 0) throw new Error(`${left.join(', ')} are left behind`);
    return {
      hash: hashOf(await disk.read(`${FOLDER}/model.safetensors`)),
      ...{ starts, resumed: records.filter(({ type }) => type === 'run-resumed').length },
      seconds: clock.monotonic() / 1000,
      said: world.said,
    };
  } catch (error) {
    throw new BrokenPromise((error as Error).stack ?? String(error), world.said);
  }
}

/** Throws an error if the records are not those of a run that has finished once, epoch by epoch. */
function requireComplete(records: readonly { type: string }[]): void {
  const finished = records.filter(({ type }) => type === 'run-finished');
  if (finished.length !== 1 || records.at(-1)?.type !== 'run-finished') {
    throw new Error(`the journal has ${finished.length} ends, and ${records.at(-1)?.type} is its last record`);
  }
  const epochs = records.flatMap((record) =>
    'totalEpochs' in record && record.type === 'epoch-finished' ? [record] : [],
  );
  if (!epochs.every(({ totalEpochs }, i) => totalEpochs === i + 1))
    throw new Error('the journal has an epoch twice, or not at all');
}
