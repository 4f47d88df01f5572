import { parseArgs } from 'node:util';

import { runScenario, runSeeds } from './command.js';

/**
 * `npm run simulate`: runs scenarios of faults, and prints those in which a promise was broken.
 *
 *     --seeds N [--from S]           N scenarios, from seed S on
 *     --seed S [--faults JSON]       one scenario, with these faults instead of those that are drawn
 */
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    faults: { type: 'string' },
  },
});
const { seed, seeds, from, faults } = values;
process.exitCode =
  seed === undefined ? await runSeeds(Number(from), Number(seeds)) : await runScenario(Number(seed), faults);
