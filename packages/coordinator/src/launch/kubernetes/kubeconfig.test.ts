import { nodeHost } from '@prunegrid/core/node';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { readKubeconfig } from './kubeconfig.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunegrid-kubeconfig-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function written(content: object | string): Promise<string> {
  const file = join(folder, 'config');
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

const server = 'https://10.0.0.1:6443/';
const base64 = (text: string) => Buffer.from(text).toString('base64');
const config = (user: object, cluster: object = {}) => ({
  'current-context': 'one',
  clusters: [{ name: 'c', cluster: { server, ...cluster } }],
  contexts: [
    { name: 'one', context: { cluster: 'c', user: 'u', namespace: 'ns' } },
    { name: 'two', context: { cluster: 'c', user: '' } },
    { name: 'lost', context: { cluster: 'nowhere', user: 'u' } },
  ],
  users: [{ name: 'u', user }],
});

describe('a kubeconfig', () => {
  it('says where the cluster is and who asks, by certificates in it or beside it', async () => {
    await writeFile(join(folder, 'client.key'), 'KEY');
    const user = { 'client-certificate-data': base64('CERT'), 'client-key': 'client.key' };
    const cluster = { 'certificate-authority-data': base64('CA'), 'tls-server-name': 'kubernetes' };
    const file = await written(config(user, cluster));
    const access = await readKubeconfig(nodeHost, file, undefined);
    expect(access).toMatchObject({ server: 'https://10.0.0.1:6443', namespace: 'ns' });
    expect(access.identity).toMatchObject({
      authority: 'CA',
      certificate: 'CERT',
      key: 'KEY',
      serverName: 'kubernetes',
    });
    expect(await access.token(false)).toBeUndefined();
    expect(access.unknown().message).toMatch(/does not know the user u: log in/);
    expect(await readKubeconfig(nodeHost, file, 'two')).toMatchObject({ namespace: 'default' });
  });

  it('reads the token of a file each time', async () => {
    await writeFile(join(folder, 'token'), 'first\n');
    const access = await readKubeconfig(nodeHost, await written(config({ tokenFile: 'token' })), undefined);
    expect(await access.token(false)).toBe('first');
    await writeFile(join(folder, 'token'), 'second\n');
    expect(await access.token(false)).toBe('second');
  });

  it('asks a program for a token, again when it expires or is refused, and says what the program says', async () => {
    const program = join(folder, 'login');
    await writeFile(
      program,
      `#!/bin/sh
[ "$1" = fail ] && { echo "no login" >&2; exit 1; }
echo x >> ${folder}/logins
echo '{"status":{"token":"'$NAME-$(wc -l < ${folder}/logins | tr -d ' ')'","expirationTimestamp":"'$UNTIL'"}}'
`,
    );
    await chmod(program, 0o755);
    const execOf = (until: string, ...args: string[]) => ({
      exec: {
        ...{ apiVersion: 'client.authentication.k8s.io/v1', command: './login', args },
        env: [
          { name: 'NAME', value: 't' },
          { name: 'UNTIL', value: until },
        ],
      },
    });
    const lasting = await readKubeconfig(nodeHost, await written(config(execOf('2999-01-01T00:00:00Z'))), undefined);
    expect([await lasting.token(false), await lasting.token(false), await lasting.token(true)]).toEqual([
      't-1',
      't-1',
      't-2',
    ]);
    const short = await readKubeconfig(nodeHost, await written(config(execOf('2001-01-01T00:00:00Z'))), undefined);
    expect([await short.token(false), await short.token(false)]).toEqual(['t-3', 't-4']);
    const failing = await readKubeconfig(nodeHost, await written(config(execOf('', 'fail'))), undefined);
    await expect(failing.token(false)).rejects.toThrow(/config: \.\/login gives no token for the cluster: no login$/);
  });

  it.each([
    ['a context that is not there', config({}), 'three', /has no context three; there are one, two, lost: name one/],
    ['no current context', { ...config({}), 'current-context': '' }, undefined, /has no current context/],
    ['a cluster that is not there', config({}), 'lost', /context lost: there is no cluster nowhere$/],
    ['a proxy', config({}, { 'proxy-url': 'http://p' }), undefined, /cluster c: proxy-url is not supported$/],
    ['a certificate that is not there', config({ 'client-key': 'none' }), undefined, /none: cannot be read \(ENOENT/],
    ['no address', config({}, { server: 'x' }), undefined, /config: clusters\.0\.cluster\.server: /],
    ['what is no YAML', 'a: [', undefined, /config: cannot be read \(/],
    ['what is no kubeconfig', '- 1', undefined, /config: .*expected object/],
  ])('is refused with %s', async (_title, content, context, says) => {
    const file = await written(content);
    await expect(readKubeconfig(nodeHost, file, context)).rejects.toMatchObject({
      ...{ name: 'Failure', kind: 'input' },
      message: expect.stringMatching(says) as string,
    });
  });

  it('must be there', async () => {
    const none = join(folder, 'nothing');
    await expect(readKubeconfig(nodeHost, none, undefined)).rejects.toThrow(`${none}: does not exist`);
  });
});
