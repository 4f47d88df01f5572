import type { Host, Processes } from '@prunegrid/core/runtime';
import { datasetDescriptionSchema } from '@prunegrid/trainer/datasets';
import { models, modelTitle, parseReference } from '@prunegrid/trainer/models';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Trainer } from '../cluster/index.js';
import { describeExtensions } from '../experiment/extension-files.js';
import type { Spec } from '../experiment/spec.js';
import type { RunManifest, SweepPart } from './records.js';
import { withoutLogin } from '@prunegrid/core/text/login';
import { version } from '@prunegrid/core/version';

const require = createRequire(import.meta.url);

/** Returns the command line of this process for display and storage, without the login in MLflow's address. */
export const commandLine = (): string[] => ['prunegrid', ...process.argv.slice(2).map(withoutLogin)];

/** Describes who runs which command on which machine, and with which commit. */
export async function describeInvocation({
  clock,
  processes,
  machine: { processor, cores, memoryBytes, platform, user },
}: Pick<Host, 'clock' | 'processes' | 'machine'>): Promise<
  Pick<RunManifest, 'commandLine' | 'startedAt' | 'user' | 'git' | 'host'>
> {
  return {
    commandLine: commandLine(),
    startedAt: new Date(clock.now()).toISOString(),
    user,
    git: await gitState(processes),
    host: { name: processes.host, cpu: processor, cores, memoryBytes, platform },
  };
}

/**
 * Returns the manifest of a run. `asked` gives the user and the command line if another process asked for the run.
 */
export async function describeRun(
  host: Host,
  options: {
    runId: string;
    spec: Spec;
    specFile: string;
    sweep?: SweepPart | undefined;
    asked?: Pick<RunManifest, 'user' | 'commandLine'> | undefined;
    /** Absolute paths of the extensions that were loaded. */
    extensions: readonly string[];
    members: readonly Trainer[];
  },
): Promise<RunManifest> {
  const { runId, spec, specFile, extensions, members, sweep, asked } = options;
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
    instructionSet: hello.instructionSet,
    trainers: members.length,
    model: modelOf(spec),
    dataset: datasetOf(spec, ready),
    ...(extensions.length > 0 && { extensions: await describeExtensions(host, extensions) }),
    ...(sweep && { sweep }),
  };
}

/** Returns what the manifest says of the network. */
function modelOf({ model: reference }: Spec): NonNullable<RunManifest['model']> {
  const { input, classes, file } = models.get(reference);
  const { channels, ...said } = file ?? {};
  const { sha256 } = parseReference(reference);
  return {
    name: modelTitle(reference),
    ...(sha256 !== undefined && { sha256 }),
    ...said,
    input: { shape: [...input.shape], type: input.type, ...(channels && { channels }) },
    classes,
  };
}

/** Returns what the manifest says of the data, most of which the first trainer has told. */
function datasetOf({ dataset: { name } }: Spec, ready: Trainer['ready']): RunManifest['dataset'] {
  const { datasetHash: sha256, datasetDescription = '{}', trainingImages, validationImages, testImages } = ready;
  const described = datasetDescriptionSchema.safeParse(JSON.parse(datasetDescription));
  const examples = { training: trainingImages, validation: validationImages, test: testImages };
  return { name, sha256, examples, ...(described.data ?? {}) };
}

/** Git state per machine. It is read only once, because later changes of the files do not affect a running process. */
const answers = new WeakMap<Processes, Promise<RunManifest['git']>>();

/**
 * The commit that prunegrid itself runs from; null if it does not run from a checkout of its own, as when it was installed
 * as a package or copied into another repository, whose commits say nothing of it.
 */
function gitState(processes: Processes): Promise<RunManifest['git']> {
  const known = answers.get(processes) ?? askGit(processes);
  answers.set(processes, known);
  return known;
}

async function askGit(processes: Processes): Promise<RunManifest['git']> {
  const folder = dirname(fileURLToPath(import.meta.url));
  const git = async (...args: string[]) => (await processes.run('git', args, folder)).trim();
  try {
    // The path of this folder within the repository tells whether the repository is prunegrid's own.
    if (!/^packages\/coordinator\/\w+\/training\/$/.test(await git('rev-parse', '--show-prefix'))) return null;
    const { name } = require(join(folder, '../../../../package.json')) as { name?: unknown };
    if (name !== 'prunegrid-workspace') return null;
    return { commit: await git('rev-parse', 'HEAD'), dirty: (await git('status', '--porcelain')) !== '' };
  } catch {
    return null;
  }
}
