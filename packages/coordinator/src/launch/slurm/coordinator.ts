import { join } from 'node:path';

import { writeText } from '@prunegrid/core/files';
import { Failure } from '@prunegrid/core/failure';
import type { Host } from '@prunegrid/core/runtime';

import { ownSecrets } from '../admission.js';
import type { CoordinatorJobs, CoordinatorRequest } from '../launcher.js';
import { LOGS } from '../logs.js';
import { EngineSilent } from '../polling.js';
import { argumentsByFiles } from '../trainer-command.js';
import { Slurm } from './commands.js';
import { slurmKeys } from './keys.js';
import { coordinatorScript, trainersFile, trainersScript } from './script.js';

/** Tries to submit while Slurm does not answer, and milliseconds between two. */
const TRIES = 10;
const TRY_MS = 3000;

/** The coordinator as a job, which submits the trainers by itself. */
export const slurmCoordinators = (program: (host: Host) => readonly string[]): CoordinatorJobs => ({
  print(host, request) {
    const { name, trainers, resources, extensions, folder } = request;
    const command = argumentsByFiles({ folder, ...ownSecrets(folder), extensions });
    const file = trainersFile(folder);
    return [
      coordinatorOf(request),
      trainersScript({
        ...{ name, trainers, file, logs: join(folder, LOGS), threads: resources.threads },
        ...{ keys: slurmKeys.parse(request.keys), command: [...program(host), ...command] },
      }),
    ].join('\n');
  },

  async submit(host, request) {
    const { folder } = request;
    await host.files.makeFolder(folder);
    const script = fileOf(request);
    await writeText(host, script, coordinatorOf(request));
    const job = await submitted(host, script);
    return { job: `Slurm's job ${job}`, end: `scancel ${job}` };
  },
});

const fileOf = ({ folder }: CoordinatorRequest): string => join(folder, 'coordinator.sh');

function coordinatorOf(request: CoordinatorRequest): string {
  const { program, resume, home } = request;
  const command = [...program, ...resume(home)];
  return coordinatorScript({ ...request, command, keys: slurmKeys.parse(request.keys), file: fileOf(request) });
}

/** Submits a script once, also if Slurm does not say at first whether it has taken it. Returns the job's id. */
async function submitted(host: Host, script: string): Promise<string> {
  const slurm = new Slurm(host);
  const note = `prunegrid:coordinator:${host.random.uuid()}`;
  for (let tries = 1; ; tries++) {
    try {
      const there = tries > 1 ? await slurm.jobOf(note) : undefined;
      return there ?? (await slurm.submit(script, [`--comment=${note}`]));
    } catch (error) {
      if (!(error instanceof EngineSilent)) throw error;
      if (tries === TRIES) throw new Failure('environment', `${error.message}: try again when it answers`);
      await host.clock.sleep(TRY_MS);
    }
  }
}
