import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { cpus, hostname, totalmem, userInfo } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import type { Trainer } from '../cluster/index.js';
import type { Spec } from '../experiment/spec.js';
import type { RunManifest, SweepPart } from './records.js';
import { withoutLogin } from '@prunegrid/core/text/login';
import { version } from '@prunegrid/core/version';

const require = createRequire(import.meta.url);

/** What this process was started with, fit to be shown and stored: a login in MLflow's address is left out. */
export const commandLine = (): string[] => ['prunegrid', ...process.argv.slice(2).map(withoutLogin)];

/** Who runs what on which machine, and with which commit. */
export async function describeInvocation(): Promise<
  Pick<RunManifest, 'commandLine' | 'startedAt' | 'user' | 'git' | 'host'>
> {
  return {
    commandLine: commandLine(),
    startedAt: new Date().toISOString(),
    user: userName(),
    git: await (atStart ??= gitState()),
    host: {
      name: hostname(),
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memoryBytes: totalmem(),
      platform: `${process.platform}-${process.arch}`,
    },
  };
}

/** Everything that somebody needs to know, later, of what was run and on what; `asked`: who wanted it, and how, where that is not this process. */
export async function describeRun(options: {
  runId: string;
  spec: Spec;
  specFile: string;
  sweep?: SweepPart | undefined;
  asked?: Pick<RunManifest, 'user' | 'commandLine'> | undefined;
  members: readonly Trainer[];
}): Promise<RunManifest> {
  const { runId, spec, specFile, members, sweep, asked } = options;
  const { hello, ready } = members[0];
  return {
    runId,
    spec,
    specFile,
    seed: spec.seed,
    ...(await describeInvocation()),
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

/** Where the user has no entry in the password file, as in containers, there is the number. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}

/** Asked for once: what this process runs does not change when the files do. */
let atStart: Promise<RunManifest['git']> | undefined;

/** The commit that prunegrid itself runs from; null where it was installed as a package. */
async function gitState(): Promise<RunManifest['git']> {
  const cwd = dirname(fileURLToPath(import.meta.url));
  const git = async (...args: string[]) => (await promisify(execFile)('git', args, { cwd })).stdout.trim();
  try {
    return { commit: await git('rev-parse', 'HEAD'), dirty: (await git('status', '--porcelain')) !== '' };
  } catch {
    return null;
  }
}
