import { engines } from '@prunegrid/trainer/engines';

/** Installs the engines of these names, unless they are there; says on standard error what is done. Throws Failure. */
export async function requireEngines(names: Iterable<string>): Promise<void> {
  for (const name of new Set(names)) await engines.get(name).provision((line) => console.error(line));
}
