import { join, resolve } from 'node:path';

import { type Finding, verifyFolder } from '@prunegrid/coordinator/verify';
import { Failure } from '@prunegrid/core/failure';
import { holdLock } from '@prunegrid/core/locks/file-lock';

import { type CommandEnvironment, print } from '../environment.js';

/**
 * `prunegrid verify`: checks the stored files of a run or a sweep that nobody works on, and repairs what can be
 * repaired. Throws Failure, also if something is damaged and could not be repaired.
 */
export async function verify(
  place: string,
  { json }: { json: boolean },
  environment: CommandEnvironment,
): Promise<void> {
  const { runtime } = environment;
  const folder = resolve(place);
  const lock = await holdLock(
    runtime,
    join(folder, 'coordinator.lock'),
    (holder) => new Failure('environment', `${place}: ${holder} is working on it: wait for its end`),
  );
  const findings: Finding[] = [];
  try {
    await verifyFolder(runtime, folder, (finding) => {
      findings.push(finding);
      if (json) print(environment, JSON.stringify(finding));
      else if (finding.problem !== undefined) print(environment, lineOf(finding));
    });
  } finally {
    await lock.release();
  }
  const damaged = findings.filter(({ problem, repair }) => problem !== undefined && repair === undefined);
  if (damaged.length > 0) {
    throw new Failure(
      'input',
      `${place}: ${damaged.length} of ${findings.length} files are damaged: restore them from a copy`,
    );
  }
  if (!json) print(environment, `${place}: ${findings.length} files are intact`);
}

const lineOf = ({ problem = '', repair }: Finding): string =>
  repair === undefined ? problem : `${problem}: ${repair}`;
