import { createHash } from 'node:crypto';
import { basename } from 'node:path';

import { Failure } from '@prunegrid/core/failure';
import { stringify } from 'yaml';

import { ownSecrets } from '../admission.js';
import type { CoordinatorJobs, CoordinatorRequest } from '../launcher.js';
import { connect } from './connect.js';
import { placed } from './credentials.js';
import { kubernetesKeys } from './keys.js';
import { FOLDER_LABEL, LAUNCH_LABEL, nameFor } from './labels.js';
import {
  coordinatorAccount,
  coordinatorFiles,
  coordinatorJob,
  type CoordinatorPod,
  coordinatorService,
  homeOf,
} from './manifests/coordinator.js';
import type { Manifest } from './manifests/pod.js';
import { trainersBudget, trainersJob, trainersSecret } from './manifests/trainers.js';

/** Most bytes of the files in a ConfigMap: Kubernetes allows 1 MiB with everything else. */
const MOST_BYTES = 1_000_000;

/** Flags that name files of this machine, or an address of it. */
const LOCAL_FLAGS = ['--listen', '--tls', '--token-file'];

/** The coordinator as a Job, which starts the trainers by itself. */
export const kubernetesCoordinators = (program: readonly string[]): CoordinatorJobs => ({
  elsewhere: true,

  print(_host, request) {
    const pod = podOf(request);
    const own = [
      ['What the coordinator may do: start its trainers, and see and end them.', ...coordinatorAccount(pod)],
      [`What it begins with, and what it keeps: its folder is ${homeOf(pod)}.`, ...coordinatorFiles(pod)],
      ['Its name, for trainers that are started by hand.', coordinatorService(pod)],
      ['The coordinator.', coordinatorJob(pod)],
    ] as const;
    const trainers = trainersOf(request, program).map(yamlOf).join('---\n');
    return [
      `# The coordinator of ${request.name}. It starts its trainers by itself. By hand: kubectl apply -f FILE`,
      ...own.map(([comment, ...manifests]) => `# ${comment}\n${manifests.map(yamlOf).join('---\n')}---`),
      '# What it makes for its trainers, with its own address and secrets. It is shown here and not applied.',
      ...trainers.split('\n').map((line) => `# ${line}`.trimEnd()),
    ].join('\n');
  },

  async submit(host, request) {
    const pod = podOf(request);
    const client = await connect(host, pod.keys);
    const job = coordinatorJob(pod);
    const manifests = [...coordinatorAccount(pod), ...coordinatorFiles(pod), coordinatorService(pod), job];
    const made: Manifest[] = [];
    try {
      for (const manifest of manifests) {
        await client.create(manifest, true);
        made.push(manifest);
      }
    } catch (error) {
      // What was made before would be in the way of the next try.
      for (const { kind } of made) await client.remove(kind as string, pod.name).catch(() => undefined);
      throw error instanceof Failure ? error : new Failure('environment', `${(error as Error).message}: try again`);
    }
    const where = pod.keys.namespace === undefined ? '' : ` -n ${pod.keys.namespace}`;
    return {
      job: `Kubernetes' job ${pod.name}`,
      follow: `kubectl exec${where} job/${pod.name} -- prunegrid sweep watch ${homeOf(pod)}`,
      // It needs the rest until its trainers are gone.
      end: `kubectl delete${where} job ${pod.name}`,
    };
  },
});

/** Returns what a request asks for. Throws Failure `input` if that cannot be in a pod. */
function podOf({ name, home, resume, afresh, keys }: CoordinatorRequest): CoordinatorPod {
  const local = resume(home).find((word) => LOCAL_FLAGS.includes(word));
  if (local !== undefined) {
    throw new Failure(
      'input',
      `${local}: a coordinator in a pod listens there and makes its own certificate: leave it out`,
    );
  }
  const bytes = afresh.files.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
  if (bytes > MOST_BYTES) {
    throw new Failure(
      'input',
      `${afresh.files[0].path}: has ${bytes} bytes with its base, and a ConfigMap takes ${MOST_BYTES}: describe the sweep by grid or random`,
    );
  }
  // Two folders may have one name.
  const hash = createHash('sha256').update(home).digest('hex').slice(0, 8);
  const named = `prunegrid-${nameFor(basename(home) || name)}-${hash}`;
  return { name: named, keys: kubernetesKeys.parse(keys), resume, afresh };
}

/** Returns what the coordinator makes for its trainers, with names in place of what is drawn. */
function trainersOf(request: CoordinatorRequest, program: readonly string[]): Manifest[] {
  const { name, trainers, resources, extensions, folder, keys } = request;
  if (trainers === 0) return [];
  const { files, args } = placed({ token: 'TOKEN', tls: ownSecrets(folder).tls, extensions });
  const job = {
    ...{ name: `prunegrid-${nameFor(name)}-LAUNCH-1`, trainers, threads: resources.threads, files },
    labels: { [FOLDER_LABEL]: 'FOLDER', [LAUNCH_LABEL]: 'LAUNCH' },
    ...{ keys: kubernetesKeys.parse(keys), command: [...program, ...args] },
  };
  const contents = Object.fromEntries(Object.keys(files).map((key) => [key, '']));
  const budget = trainersBudget(job, 'UID');
  return [trainersJob(job), trainersSecret(job, contents, 'UID'), ...(budget ? [budget] : [])];
}

/** Writes a manifest as people do, with the permissions of files as octal numbers. */
const yamlOf = (manifest: Manifest): string =>
  stringify(manifest, { lineWidth: 0, aliasDuplicateObjects: false }).replaceAll(
    /^( *defaultMode: )(\d+)$/gm,
    (_, key: string, mode: string) => `${key}0${Number(mode).toString(8)}`,
  );
