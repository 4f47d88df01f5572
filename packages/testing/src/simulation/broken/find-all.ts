import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { type Mutation, mutations } from './mutations.js';

const program = fileURLToPath(new URL('../../../bin/simulate.js', import.meta.url));
/** How many other scenarios are tried when one does not find a mutation any more. */
const SEEDS = 300;

/** Runs the simulation with each mutation. Returns the exit code: 0 if all of them are found. */
export function findAll(): number {
  let missed = 0;
  for (const mutation of mutations) {
    const found = findOne(mutation) ?? finds(mutation, '--seeds', String(SEEDS));
    if (found === undefined) missed++;
    console.log(`${mutation.name}: ${found ?? `not found in ${SEEDS} scenarios`}`);
  }
  return missed === 0 ? 0 : 1;
}

/** Returns what its scenario says of a mutation; undefined if it does not find it. */
export function findOne(mutation: Mutation): string | undefined {
  const { seed, faults } = mutation;
  const drawn = faults === undefined ? [] : ['--faults', JSON.stringify(faults)];
  return finds(mutation, '--seed', String(seed), ...drawn);
}

/** Returns what a simulation says of the first broken promise; undefined if it has found none. */
function finds({ name }: Mutation, ...args: string[]): string | undefined {
  const command = [program, '--mutation', name, ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' });
  if (status === 0) return undefined;
  const [, seed, problem] = /^seed (\d+): .*\n {2}(?:Error: )?(.*)/m.exec(stdout) ?? [];
  if (status === 1 && seed !== undefined) return `found by seed ${seed}: ${problem}`;
  throw new Error(`${name}: the simulation has failed itself: ${stderr}`);
}
