import { register } from 'node:module';
import { parseArgs } from 'node:util';

import { mutations } from './broken/mutations.js';

/**
 * `npm run simulate`: runs scenarios of faults, and prints those in which a promise was broken.
 *
 *     --seeds N [--from S]           N scenarios, from seed S on
 *     --seed S [--faults JSON]       one scenario, with these faults instead of those that are drawn
 *     --mutation NAME                with code that is broken on purpose
 *     --broken                       all of them: fails if one is not found
 *     --rogues                       one of the processes lies, in each field of each message
 */
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    faults: { type: 'string' },
    mutation: { type: 'string' },
    broken: { type: 'boolean', default: false },
    rogues: { type: 'boolean', default: false },
  },
});
if (values.mutation !== undefined) {
  const mutation = mutations.find(({ name }) => name === values.mutation);
  if (!mutation) throw new Error(`--mutation ${values.mutation}: there is none of this name`);
  // Every module that is loaded from now on is the broken one.
  register('./broken/hooks.js', import.meta.url, { data: mutation.edits });
}
if (values.broken) {
  const { findAll } = await import('./broken/find-all.js');
  process.exitCode = findAll();
} else if (values.rogues) {
  const { runRogues } = await import('./command.js');
  process.exitCode = await runRogues();
} else {
  const { runScenario, runSeeds } = await import('./command.js');
  const { seed, seeds, from, faults, mutation } = values;
  process.exitCode =
    seed === undefined
      ? await runSeeds(Number(from), Number(seeds), mutation !== undefined)
      : await runScenario(Number(seed), faults);
}
