import { join } from 'node:path';

import { Failure } from '@prunegrid/core/failure';
import type { Host } from '@prunegrid/core/runtime';

import type { Access } from './access.js';

/** Where Kubernetes puts what a pod needs to ask its API server. */
const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
/** The name of the API server in a cluster, which its certificate bears. */
const SERVER = 'https://kubernetes.default.svc';

/** Whether this process runs in a pod that may ask the API server. */
export const isInCluster = async ({ files }: Pick<Host, 'files'>): Promise<boolean> =>
  (await files.status(join(ACCOUNT, 'token'))) !== undefined;

/** Returns how a pod reaches the API server of its cluster. Throws Failure `environment`. */
export async function inCluster({ files }: Pick<Host, 'files'>): Promise<Access> {
  const read = async (name: string): Promise<string> => {
    const file = join(ACCOUNT, name);
    try {
      return (await files.read(file)).toString('utf8').trim();
    } catch (cause) {
      throw new Failure('environment', `${file}: cannot be read (${(cause as Error).message})`, { cause });
    }
  };
  return {
    server: SERVER,
    namespace: await read('namespace'),
    identity: { authority: await read('ca.crt') },
    // Kubernetes writes another one about once an hour.
    token: () => read('token'),
    unknown: () => new Failure('environment', `${SERVER}: does not know the service account of this pod`),
  };
}
