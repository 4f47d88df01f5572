import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { nodeHost } from '@prunegrid/core/node';
import type { Host, IncomingCall, Listener, ListenOptions, TlsCredentials } from '@prunegrid/core/runtime';
import { nodeTransport } from '../node/index.js';
import { type Authority, issueCertificate, newAuthority, readCredentials } from './index.js';

const transport = nodeTransport(nodeHost);
const listeners: Listener[] = [];
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunegrid-certificates-'));
});
afterEach(async () => {
  await Promise.all(listeners.splice(0).map((listener) => listener.close()));
  await rm(folder, { recursive: true });
});

/** This machine at another time. */
const at = (days: number): Host => ({
  ...nodeHost,
  clock: { ...nodeHost.clock, now: () => Date.now() + days * 86_400_000 },
});

async function credentials(
  authority: Authority,
  role: 'coordinator' | 'trainer',
  host = nodeHost,
): Promise<TlsCredentials> {
  const own = await issueCertificate(host, authority, role, 'one', 10);
  return { authority: authority.certificate, own };
}

async function listen(options: ListenOptions) {
  const seen: IncomingCall[] = [];
  const answer = (call: IncomingCall) => {
    seen.push(call);
    call.accept();
  };
  const listener = await transport.listen('coordination', '127.0.0.1:0', answer, options);
  listeners.push(listener);
  return { seen, dial: (tls?: TlsCredentials) => transport.connect('coordination', listener.address, 1500, {}, tls) };
}

describe('a coordinator that requires certificates', () => {
  it('is heard and hears those of its authority, in their role and their time, and no others', async () => {
    const [authority, other] = [await newAuthority(nodeHost, 10), await newAuthority(nodeHost, 10)];
    const tls = await credentials(authority, 'coordinator');
    const { seen, dial } = await listen({ tls, requireCertificates: true });
    const trainer = await credentials(authority, 'trainer');
    (await dial(trainer)).close();
    expect(seen).toHaveLength(1);
    const wrong: (TlsCredentials | undefined)[] = [
      undefined,
      { authority: authority.certificate },
      { ...(await credentials(other, 'trainer')), authority: authority.certificate },
      { ...trainer, authority: other.certificate },
      await credentials(authority, 'trainer', at(-20)),
    ];
    const outcomes = await Promise.allSettled(wrong.map((each) => dial(each)));
    expect(outcomes.map(({ status }) => status)).toEqual(wrong.map(() => 'rejected'));
    expect(seen).toHaveLength(1);
  });

  it('cannot be played by a trainer', async () => {
    const authority = await newAuthority(nodeHost, 10);
    const trainer = await credentials(authority, 'trainer');
    const { seen, dial } = await listen({ tls: trainer, requireCertificates: true });
    await expect(dial(await credentials(authority, 'trainer'))).rejects.toThrow(/nobody answers/);
    expect(seen).toEqual([]);
  });
});

it('a coordinator that takes tokens over TLS asks for no certificate', async () => {
  const authority = await newAuthority(nodeHost, 10);
  const { seen, dial } = await listen({ tls: await credentials(authority, 'coordinator') });
  (await dial({ authority: authority.certificate })).close();
  await expect(dial()).rejects.toThrow();
  expect(seen).toHaveLength(1);
});

it('trainers of other machines talk through TLS, and send nothing to another certificate', async () => {
  const calls: IncomingCall[] = [];
  const open = async () => {
    const listener = await transport.listen('peers', 'tls:127.0.0.1:0', (call) => calls.push(call));
    listeners.push(listener);
    return listener.address;
  };
  const [address, other] = [await open(), await open()];
  expect(address).toMatch(/^tls:127\.0\.0\.1:\d+:[0-9a-f]{64}$/);
  const calling = transport.connect('peers', address, 5000, { name: 'value' });
  await expect.poll(() => calls.length).toBe(1);
  const [incoming, outgoing] = [calls[0].accept(), await calling];
  const received = incoming.receive().then(String);
  await outgoing.send(Buffer.from('text'));
  expect(await received).toBe('text');
  for (const stream of [incoming, outgoing]) stream.close();
  const mixed = `${address.slice(0, -64)}${other.slice(-64)}`;
  await expect(transport.connect('peers', mixed, 5000, { name: 'secret' })).rejects.toThrow(/another certificate/);
  await expect(transport.connect('peers', address.slice(4, -65), 1000)).rejects.toThrow();
  expect(calls).toHaveLength(1);
});

it('credentials are read with a warning before they expire, and not after, nor if others could read the key', async () => {
  const authority = await newAuthority(nodeHost, 3650);
  const { certificate, key } = await issueCertificate(nodeHost, authority, 'trainer', 'one', 100);
  const put = async (name: string, files: Record<string, string>, mode = 0o600) => {
    await mkdir(join(folder, name));
    for (const [file, text] of Object.entries(files)) await writeFile(join(folder, name, file), text, { mode });
    return join(folder, name);
  };
  const all = { 'ca.crt': authority.certificate, 'tls.crt': certificate, 'tls.key': key };
  const warnings: string[] = [];
  const read = (place: string, host: Host = nodeHost) =>
    readCredentials(host, place, '--tls', (line) => warnings.push(line));
  const whole = await put('whole', all);
  expect(await read(whole)).toEqual({ authority: authority.certificate, own: { certificate, key } });
  expect(warnings).toEqual([]);
  await read(whole, at(80));
  expect(warnings).toEqual([expect.stringMatching(/tls\.crt: expires in \d+ days: issue a new one/)]);
  await expect(read(whole, at(101))).rejects.toThrow(/tls\.crt: has expired/);
  await expect(read(await put('open', all, 0o644))).rejects.toThrow(/tls\.key: others may access it/);
  expect(await read(await put('token', { 'ca.crt': authority.certificate }))).toEqual({
    authority: authority.certificate,
  });
  await expect(read(await put('half', { 'ca.crt': authority.certificate, 'tls.crt': certificate }))).rejects.toThrow(
    /both belong together/,
  );
  await expect(read(await put('none', {}))).rejects.toThrow(/holds no ca\.crt/);
  await expect(read(await put('text', { ...all, 'tls.crt': 'text' }))).rejects.toThrow(/no certificate in PEM/);
});
