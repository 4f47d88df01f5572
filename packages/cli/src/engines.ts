import { engines } from '@prunegrid/trainer/engines';

/** Installs the engines of these names, unless they are there. `report` is told what is done, in lines for the user. Throws Failure. */
export async function requireEngines(names: Iterable<string>, report: (line: string) => void): Promise<void> {
  for (const name of new Set(names)) await engines.get(name).provision(report);
}
