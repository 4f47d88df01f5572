import { loadSpec } from '@prunegrid/coordinator/experiment/load';
import type { Spec } from '@prunegrid/coordinator/experiment/spec';
import { nodeHost } from '@prunegrid/core/node';
import { trainerRegistries } from '@prunegrid/trainer/registries';

import extend from '../extension.js';
import { drawScenario, type Fault, type Scenario } from './faults.js';
import { minimise } from './minimise.js';
import { BrokenPromise, type Outcome, simulate } from './simulate.js';

/** Runs scenarios of these seeds. Returns the exit code. */
export async function runSeeds(from: number, seeds: number): Promise<number> {
  const attempt = await prepared();
  const totals = { broken: 0, refused: 0, starts: 0, resumed: 0 };
  for (let seed = from; seed < from + seeds; seed++) {
    if (seed > from && (seed - from) % 50 === 0) console.error(`${seed - from} of ${seeds} seeds are done`);
    const scenario = drawScenario(seed);
    const outcome = await attempt(scenario);
    if (outcome instanceof BrokenPromise) {
      totals.broken++;
      print(scenario, outcome);
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

type Attempt = (scenario: Scenario) => Promise<Outcome | BrokenPromise>;

/** Returns what runs a scenario of the small experiment, and holds its result against that of an undisturbed run. */
async function prepared(): Promise<Attempt> {
  extend(trainerRegistries);
  const { engines, models, datasets } = trainerRegistries;
  const catalogue = { engines: engines.names, models: [...models], datasets: datasets.names, launchers: [] };
  const { spec } = await loadSpec(nodeHost, 'test/simulation/small.yaml', [], catalogue);
  const undisturbed = await simulate(spec, { ...drawScenario(0), trainers: 2, external: 0, faults: [] });
  return (scenario) => outcomeOf(spec, scenario, undisturbed.hash);
}

async function outcomeOf(spec: Spec, scenario: Scenario, hash: string | undefined): Promise<Outcome | BrokenPromise> {
  try {
    const outcome = await simulate(spec, scenario);
    if (outcome.refusal !== undefined || outcome.hash === hash) return outcome;
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
