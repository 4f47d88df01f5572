import type { Spec } from '@prunegrid/coordinator/experiment/spec';

import { BrokenPromise } from '../simulation/simulate.js';
import { allLies, type Lie } from './lies.js';
import { meet } from './meet.js';

/**
 * What is believed, because nobody else knows better: what the experiment is, as the coordinator says, and how many examples the first trainer
 * has held out.
 */
const believed = (lie: Lie): boolean =>
  lie.side === 'coordinator' || lie.name.startsWith('trainer: ready.validation_images');

/**
 * Lets rogues tell lies, one in each run.
 * @param hash of the tensors of the result of a run without one
 * @param lies by default all
 * @returns what has gone wrong, a line or more for each lie, and how many of the lies were told
 */
export async function meetAll(
  spec: Spec,
  hash: string | undefined,
  lies: readonly Lie[] = allLies(),
): Promise<{ problems: string[]; told: number }> {
  const problems: string[] = [];
  let told = 0;
  for (const lie of lies) {
    try {
      const met = await meet(spec, lie);
      if (met.told) told++;
      const { refusal, hash: own } = met.outcome;
      if (refusal === undefined && own !== hash && !believed(lie))
        problems.push(`${lie.name}: the result has other bits`);
    } catch (error) {
      if (!(error instanceof BrokenPromise)) throw error;
      problems.push(`${lie.name}: ${error.message}`);
    }
  }
  return { problems, told };
}
