import { loadSpec } from '@prunegrid/coordinator/experiment/load';
import type { Spec } from '@prunegrid/coordinator/experiment/spec';
import { nodeHost } from '@prunegrid/core/node';
import { trainerRegistries } from '@prunegrid/trainer/registries';

import extend from '../extension.js';
import { allLies } from '../rogue/lies.js';
import { meetAll } from '../rogue/meet-all.js';
import { drawScenario, type Fault, type Scenario } from './faults.js';
import { minimise } from './minimise.js';
import { BrokenPromise, type Outcome, simulate } from './simulate.js';

/**
 * Runs scenarios of these seeds. Returns the exit code.
 * @param isBroken whether the code is broken on purpose, so that it is enough to find that once
 */
export async function runSeeds(from: number, seeds: number, isBroken: boolean): Promise<number> {
  const attempt = await prepared();
  const totals = { broken: 0, refused: 0, starts: 0, resumed: 0 };
  for (let seed = from; seed < from + seeds; seed++) {
    if (seed > from && (seed - from) % 50 === 0) console.error(`${seed - from} of ${seeds} seeds are done`);
    const scenario = drawScenario(seed);
    const outcome = await attempt(scenario);
    if (outcome instanceof BrokenPromise) {
      totals.broken++;
      print(scenario, outcome);
      if (isBroken) return 1;
      await shorten(scenario, attempt);
    } else {
      totals.starts += outcome.starts;
      totals.resumed += outcome.resumed;
      if (outcome.refusal !== undefined) totals.refused++;
    }
  }
  const { broken, refused, starts, resumed } = totals;
  console.log(
    `${seeds} seeds from ${from}: ${broken} broken, ${refused} refused, ${starts} starts of coordinators, resumed ${resumed} times`,
  );
  return broken === 0 ? 0 : 1;
}

/** Runs one scenario. Returns the exit code. */
export async function runScenario(seed: number, faults: string | undefined): Promise<number> {
  const attempt = await prepared();
  const drawn = drawScenario(seed);
  const scenario = faults === undefined ? drawn : { ...drawn, faults: JSON.parse(faults) as Fault[] };
  const outcome = await attempt(scenario);
  if (outcome instanceof BrokenPromise) {
    print(scenario, outcome);
    return 1;
  }
  const { refusal, starts, resumed, seconds } = outcome;
  const end = refusal === undefined ? 'ended with the right bits' : `refused: ${refusal}`;
  console.log(`seed ${seed}: ${end}, ${starts} starts, resumed ${resumed} times, ${seconds} s`);
  return 0;
}

/** Runs the experiment with each lie of a rogue. Returns the exit code. */
export async function runRogues(): Promise<number> {
  const spec = await loadExperiment();
  const { hash } = await simulate(spec, undisturbed);
  const lies = allLies();
  const { problems, told } = await meetAll(spec, hash, lies);
  for (const problem of problems) console.log(problem);
  console.log(`${lies.length} lies, of which ${told} were told: ${problems.length} have broken a promise`);
  return problems.length === 0 ? 0 : 1;
}

/** A scenario in which nothing goes wrong. */
const undisturbed: Scenario = { ...drawScenario(0), trainers: 2, external: 0, faults: [] };

/** Loads the experiment that is simulated. */
async function loadExperiment(): Promise<Spec> {
  extend(trainerRegistries);
  const { engines, models, datasets } = trainerRegistries;
  const catalogue = { engines: engines.names, models: [...models], datasets: datasets.names, launchers: [] };
  return (await loadSpec(nodeHost, 'test/simulation/small.yaml', [], catalogue)).spec;
}

type Attempt = (scenario: Scenario) => Promise<Outcome | BrokenPromise>;

/** Returns what runs a scenario of the small experiment, and holds its result against that of an undisturbed run. */
async function prepared(): Promise<Attempt> {
  const spec = await loadExperiment();
  let expected: string | undefined;
  return async (scenario) => {
    // Code that is broken on purpose may break even this run, which then is what has been found.
    if (expected === undefined) {
      const first = await outcomeOf(spec, undisturbed, undefined);
      if (first instanceof BrokenPromise) return first;
      expected = first.hash;
    }
    return outcomeOf(spec, scenario, expected);
  };
}

/** @param hash that of the result; undefined if it is not known */
async function outcomeOf(spec: Spec, scenario: Scenario, hash: string | undefined): Promise<Outcome | BrokenPromise> {
  try {
    const outcome = await simulate(spec, scenario);
    if (outcome.refusal !== undefined || hash === undefined || outcome.hash === hash) return outcome;
    return new BrokenPromise('the result has other bits', outcome.said);
  } catch (error) {
    if (error instanceof BrokenPromise) return error;
    throw error;
  }
}

const print = (scenario: Scenario, { message }: BrokenPromise): void =>
  console.log(`seed ${scenario.seed}: ${JSON.stringify(scenario)}\n  ${message}`);

/** Prints the commands that repeat a scenario: all of it, and the fewest faults that break a promise. */
async function shorten(scenario: Scenario, attempt: Attempt): Promise<void> {
  const { seed, faults } = scenario;
  const least = await minimise(
    faults,
    async (some) => (await attempt({ ...scenario, faults: some })) instanceof BrokenPromise,
  );
  console.log(`  repeat: npm run simulate -- --seed ${seed}`);
  console.log(`  fewest faults: npm run simulate -- --seed ${seed} --faults '${JSON.stringify(least)}'`);
}
