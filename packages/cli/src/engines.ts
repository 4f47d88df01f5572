import { engines } from '@prunegrid/trainer/engines';

/**
 * Installs the engines of these names if they are not installed yet. `report` is called with lines for the user. Throws
 * Failure.
 */
export async function requireEngines(names: Iterable<string>, report: (line: string) => void): Promise<void> {
  for (const name of new Set(names)) await engines.get(name).provision(report);
}
