import { dirname, resolve } from 'node:path';

import { Failure } from '@prunegrid/core/failure';
import { isMissing } from '@prunegrid/core/files';
import type { Host } from '@prunegrid/core/runtime';
import { parse } from 'yaml';
import { z } from 'zod';

import type { Access } from './access.js';
import { execToken, execSchema } from './exec-credential.js';

const clusterSchema = z.object({
  server: z.url({ protocol: /^https?$/ }),
  'certificate-authority': z.string().optional(),
  'certificate-authority-data': z.base64().optional(),
  'insecure-skip-tls-verify': z.boolean().optional(),
  'tls-server-name': z.string().optional(),
  'proxy-url': z.string().optional(),
});
const userSchema = z.object({
  token: z.string().optional(),
  tokenFile: z.string().optional(),
  'client-certificate': z.string().optional(),
  'client-certificate-data': z.base64().optional(),
  'client-key': z.string().optional(),
  'client-key-data': z.base64().optional(),
  exec: execSchema.optional(),
});
const contextSchema = z.object({ cluster: z.string(), user: z.string().default(''), namespace: z.string().optional() });
const named = <Key extends string, Schema extends z.ZodType>(key: Key, schema: Schema) =>
  z
    .array(z.object({ name: z.string(), [key]: schema } as { name: z.ZodString } & Record<Key, Schema>))
    .nullish()
    .transform((list) => list ?? []);
const kubeconfigSchema = z.object({
  'current-context': z.string().optional(),
  clusters: named('cluster', clusterSchema),
  contexts: named('context', contextSchema),
  users: named('user', userSchema),
});

/**
 * Reads a kubeconfig, as kubectl does.
 * @param file its path
 * @param name the context; by default the current one
 * @throws {Failure} `input` if it cannot be used
 */
export async function readKubeconfig(host: Host, file: string, name: string | undefined): Promise<Access> {
  const refuse = (text: string, cause?: unknown) => new Failure('input', `${file}: ${text}`, { cause });
  const config = await parsed(host, file, refuse);
  const current = name ?? config['current-context'];
  if (!current) throw refuse('has no current context: name one by launch.context');
  const context = config.contexts.find((each) => each.name === current)?.context;
  if (!context) {
    const known = config.contexts.map((each) => each.name).join(', ');
    throw refuse(`has no context ${current}; there are ${known || 'none'}: name one by launch.context`);
  }
  const cluster = config.clusters.find((each) => each.name === context.cluster)?.cluster;
  if (!cluster) throw refuse(`context ${current}: there is no cluster ${context.cluster}`);
  if (cluster['proxy-url'] !== undefined) throw refuse(`cluster ${context.cluster}: proxy-url is not supported`);
  const user = config.users.find((each) => each.name === context.user)?.user ?? {};
  const content = async (data: string | undefined, path: string | undefined): Promise<string | undefined> => {
    if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8');
    if (path === undefined) return undefined;
    try {
      return (await host.files.read(resolve(dirname(file), path))).toString('utf8');
    } catch (cause) {
      throw refuse(`${path}: cannot be read (${(cause as Error).message})`, cause);
    }
  };
  const { exec, tokenFile } = user;
  return {
    server: cluster.server.replace(/\/+$/, ''),
    namespace: context.namespace ?? 'default',
    identity: {
      authority: await content(cluster['certificate-authority-data'], cluster['certificate-authority']),
      certificate: await content(user['client-certificate-data'], user['client-certificate']),
      key: await content(user['client-key-data'], user['client-key']),
      serverName: cluster['tls-server-name'],
      insecure: cluster['insecure-skip-tls-verify'],
    },
    token:
      user.token === undefined && tokenFile === undefined && exec
        ? execToken(host, exec, file)
        : async () => user.token ?? (await content(undefined, tokenFile))?.trim(),
    unknown: () => refuse(`${cluster.server} does not know the user ${context.user}: log in to the cluster again`),
  };
}

async function parsed(
  { files }: Pick<Host, 'files'>,
  file: string,
  refuse: (text: string, cause?: unknown) => Failure,
): Promise<z.infer<typeof kubeconfigSchema>> {
  let content: unknown;
  try {
    content = parse((await files.read(file)).toString('utf8'), { logLevel: 'error' });
  } catch (cause) {
    throw refuse(isMissing(cause) ? 'does not exist' : `cannot be read (${firstLine(cause)})`, cause);
  }
  const found = kubeconfigSchema.safeParse(content);
  if (found.success) return found.data;
  const [{ path, message }] = found.error.issues;
  throw refuse(`${['', ...path].join('.').slice(1)}: ${message}`);
}

const firstLine = (error: unknown): string => (error as Error).message.split('\n')[0];
