import type { Host, Processes } from '@prunegrid/core/runtime';
import { createRequire } from 'node:module';
import { cpus, totalmem, userInfo } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Trainer } from '../cluster/index.js';
import type { Spec } from '../experiment/spec.js';
import type { RunManifest, SweepPart } from './records.js';
import { withoutLogin } from '@prunegrid/core/text/login';
import { version } from '@prunegrid/core/version';

const require = createRequire(import.meta.url);

/** What this process was started with, fit to be shown and stored: a login in MLflow's address is left out. */
export const commandLine = (): string[] => ['prunegrid', ...process.argv.slice(2).map(withoutLogin)];

/** Who runs what on which machine, and with which commit. */
export async function describeInvocation({
  clock,
  processes,
}: Pick<Host, 'clock' | 'processes'>): Promise<
  Pick<RunManifest, 'commandLine' | 'startedAt' | 'user' | 'git' | 'host'>
> {
  return {
    commandLine: commandLine(),
    startedAt: new Date(clock.now()).toISOString(),
    user: userName(),
    git: await gitState(processes),
    host: {
      name: processes.host,
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memoryBytes: totalmem(),
      platform: `${process.platform}-${process.arch}`,
    },
  };
}

/**
 * Everything that somebody needs to know, later, of what was run and on what; `asked`: who wanted it, and how, if that
 * is not this process.
 */
export async function describeRun(
  host: Pick<Host, 'clock' | 'processes'>,
  options: {
    runId: string;
    spec: Spec;
    specFile: string;
    sweep?: SweepPart | undefined;
    asked?: Pick<RunManifest, 'user' | 'commandLine'> | undefined;
    members: readonly Trainer[];
  },
): Promise<RunManifest> {
  const { runId, spec, specFile, members, sweep, asked } = options;
  const { hello, ready } = members[0];
  return {
    runId,
    spec,
    specFile,
    seed: spec.seed,
    ...(await describeInvocation(host)),
    ...asked,
    versions: {
      prunegrid: version,
      node: process.version,
      trainerNode: hello.nodeVersion,
      [ready.engine]: ready.engineVersion,
      'grpc-js': (require('@grpc/grpc-js/package.json') as { version: string }).version,
    },
    engine: ready.engine,
    device: ready.device,
    trainers: members.length,
    dataset: { name: spec.dataset.name, sha256: ready.datasetHash },
    ...(sweep && { sweep }),
  };
}

/** The user's name, or the number if the password file has no entry for it, as in containers. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}

/** What each machine's git has answered: what a process runs does not change when the files do. */
const answers = new WeakMap<Processes, Promise<RunManifest['git']>>();

/** The commit that prunegrid itself runs from; null if it was installed as a package. */
function gitState(processes: Processes): Promise<RunManifest['git']> {
  const known = answers.get(processes) ?? askGit(processes);
  answers.set(processes, known);
  return known;
}

async function askGit(processes: Processes): Promise<RunManifest['git']> {
  const folder = dirname(fileURLToPath(import.meta.url));
  const git = async (...args: string[]) => (await processes.run('git', args, folder)).trim();
  try {
    return { commit: await git('rev-parse', 'HEAD'), dirty: (await git('status', '--porcelain')) !== '' };
  } catch {
    return null;
  }
}
