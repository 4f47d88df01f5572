import { dirname } from 'node:path';

import { Failure } from '@prunegrid/core/failure';
import type { Host } from '@prunegrid/core/runtime';
import { z } from 'zod';

/** A program that logs in to the cluster, as clouds have one: `exec` of a user in a kubeconfig. */
export const execSchema = z.object({
  apiVersion: z.string(),
  command: z.string(),
  args: z.array(z.string()).nullish(),
  env: z.array(z.object({ name: z.string(), value: z.string() })).nullish(),
});

const credentialSchema = z.object({
  status: z.object({ token: z.string(), expirationTimestamp: z.string().optional() }),
});

/** Milliseconds before its end at which a token is renewed. */
const EARLY_MS = 60_000;

/** Returns a function that gives the token of such a program, which runs again when the token is about to expire. */
export function execToken(
  host: Pick<Host, 'clock' | 'processes'>,
  { apiVersion, command, args, env }: z.infer<typeof execSchema>,
  file: string,
): (renewed: boolean) => Promise<string> {
  let known: { token: string; until: number } | undefined;
  const run = async () => {
    const info = JSON.stringify({ apiVersion, kind: 'ExecCredential', spec: { interactive: false } });
    const variables = Object.fromEntries((env ?? []).map(({ name, value }) => [name, value]));
    const output = await host.processes.run(command, args ?? [], dirname(file), {
      env: { ...variables, KUBERNETES_EXEC_INFO: info },
    });
    const { token, expirationTimestamp } = credentialSchema.parse(JSON.parse(output)).status;
    return { token, until: expirationTimestamp === undefined ? Infinity : Date.parse(expirationTimestamp) };
  };
  return async (renewed) => {
    if (known && !renewed && host.clock.now() < known.until - EARLY_MS) return known.token;
    try {
      known = await run();
    } catch (cause) {
      const { stderr, message } = cause as { stderr?: string; message: string };
      const said = (stderr?.trim() || message).split('\n')[0];
      throw new Failure('input', `${file}: ${command} gives no token for the cluster: ${said}`, { cause });
    }
    return known.token;
  };
}
