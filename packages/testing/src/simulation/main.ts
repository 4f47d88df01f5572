import { loadSpec } from '@prunegrid/coordinator/experiment/load';
import { nodeHost } from '@prunegrid/core/node';
import { trainerRegistries } from '@prunegrid/trainer/registries';

import extend from '../extension.js';
import { drawScenario } from './faults.js';
import { BrokenPromise, simulate } from './simulate.js';

/** `npm run simulate -- [--seeds N] [--from SEED]`: runs scenarios of faults, and prints those in which a promise was broken. */
const valueOf = (flag: string, other: number) => {
  const at = process.argv.indexOf(flag);
  return at < 0 ? other : Number(process.argv[at + 1]);
};

extend(trainerRegistries);
const { engines, models, datasets } = trainerRegistries;
const catalogue = { engines: engines.names, models: [...models], datasets: datasets.names, launchers: [] };
const { spec } = await loadSpec(nodeHost, 'test/simulation/small.yaml', [], catalogue);
const from = valueOf('--from', 1);
const seeds = valueOf('--seeds', 100);
const undisturbed = await simulate(spec, { ...drawScenario(0), trainers: 2, external: 0, faults: [] });
const totals = { broken: 0, starts: 0, resumed: 0 };
for (let seed = from; seed < from + seeds; seed++) {
  if (seed > from && (seed - from) % 50 === 0) console.error(`${seed - from} of ${seeds} seeds are done`);
  const scenario = drawScenario(seed);
  try {
    const { hash, starts, resumed, seconds } = await simulate(spec, scenario);
    if (hash !== undisturbed.hash) throw new BrokenPromise('the result has other bits', []);
    totals.starts += starts;
    totals.resumed += resumed;
    if (seeds === 1) console.log(`seed ${seed}: ${starts} starts, resumed ${resumed} times, ${seconds} s`);
  } catch (error) {
    totals.broken++;
    console.log(`seed ${seed}: ${JSON.stringify(scenario)}\n  ${(error as Error).message}`);
  }
}
const { broken, starts, resumed } = totals;
console.log(
  `${seeds} seeds from ${from}: ${broken} broken, ${starts} starts of coordinators, resumed ${resumed} times`,
);
process.exitCode = broken === 0 ? 0 : 1;
