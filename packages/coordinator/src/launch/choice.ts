import { Failure } from '@prunegrid/core/failure';
import type { Registry } from '@prunegrid/core/registry';
import type { z } from 'zod';

import { problemsOf, requirement } from '../experiment/problems.js';
import type { Spec } from '../experiment/spec.js';
import { type Launcher, type LaunchKeys, noKeys } from './launcher.js';

/** The launcher that starts trainers if neither the spec nor the command line names one. */
export const DEFAULT_LAUNCHER = 'local';

/** A launcher and its keys in the spec. */
export interface ChosenLauncher {
  launcher: Launcher;
  keys: LaunchKeys;
}

/** Returns the schema of a launcher's keys. */
export const keysOf = ({ keys = noKeys }: Launcher): z.ZodType<LaunchKeys> => keys;

/**
 * Returns the launcher of a run or a sweep.
 * @param name the launcher that the command line names. It takes the place of the spec's, whose keys then count only if
 *   they are for the same launcher.
 * @throws {Failure} `input` if there is no such launcher, or the keys are not its own
 */
export function chooseLauncher(
  launchers: Registry<Launcher>,
  { launch = { name: DEFAULT_LAUNCHER } }: Pick<Spec, 'launch'>,
  name = launch.name,
): ChosenLauncher {
  const launcher = launchers.get(name);
  const parsed = keysOf(launcher).safeParse(name === launch.name ? launch : { name }, {
    reportInput: true,
    error: requirement,
  });
  if (parsed.success) return { launcher, keys: parsed.data };
  const [{ path, text }] = problemsOf(parsed.error.issues);
  throw new Failure('input', `${['launch', ...path].join('.')}: ${text}`);
}
