import { Failure } from '@prunegrid/core/failure';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';

import { EngineSilent } from '../polling.js';
import { KubernetesClient } from './client.js';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** A client of a server that answers every request so. */
async function clientOf(answer: RequestListener): Promise<KubernetesClient> {
  const listening = createServer(answer);
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  return new KubernetesClient({
    server: `http://127.0.0.1:${(listening.address() as AddressInfo).port}`,
    namespace: 'ns',
    identity: {},
    token: async (renewed) => (renewed ? 'new' : 'old'),
    unknown: () => new Failure('input', 'who is this?'),
  });
}

const answering =
  (status: number, body: unknown): RequestListener =>
  (_, response) =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
const said = (message: string) => ({ kind: 'Status', message });
const job = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'one' } };

// A server with pods is tested in test/clusters.
describe('the client of Kubernetes', () => {
  it.each([
    ['a page of something else', 200, '<html></html>', /has not answered as Kubernetes does: is it an API server\?$/],
    ['what it may not do', 403, said('jobs.batch is forbidden'), /: Jobs: jobs\.batch is forbidden$/],
    ['a namespace that is none', 404, said('namespaces "ns" not found'), /Jobs: namespaces "ns" not found$/],
    ['nobody known', 401, said('Unauthorized'), /^who is this\?$/],
    ['to be led elsewhere', 302, {}, /: Jobs: status 302$/],
  ])('refuses %s', async (_title, status, body, says) => {
    const client = await clientOf(answering(status, body));
    await expect(client.jobs({ a: 'b' })).rejects.toMatchObject({
      name: 'Failure',
      message: expect.stringMatching(says) as string,
    });
  });

  it('takes a server that is busy, fails or is away for silent', async () => {
    const busy = await clientOf(answering(429, said('too many requests')));
    await expect(busy.jobs({})).rejects.toThrow(EngineSilent);
    await expect(busy.create(job)).rejects.toThrow(/^Kubernetes does not answer: http.*: too many requests$/);
    server?.closeAllConnections();
    server?.close();
    await expect(busy.jobs({})).rejects.toThrow(EngineSilent);
  });

  it('renews its token once when the server does not know it', async () => {
    const seen: (string | undefined)[] = [];
    const client = await clientOf((request, response) => {
      seen.push(request.headers.authorization);
      const isKnown = request.headers.authorization === 'Bearer new';
      answering(isKnown ? 200 : 401, isKnown ? { items: [] } : said('Unauthorized'))(request, response);
    });
    expect(await client.pods({ 'prunegrid.dev/launch': 'x' })).toEqual([]);
    expect(seen).toEqual(['Bearer old', 'Bearer new']);
  });

  it('has created what is there already, unless it must be new', async () => {
    const seen: string[] = [];
    const there = { metadata: { name: 'one', uid: 'u1' } };
    const answer = (request: IncomingMessage) => (request.method === 'POST' ? [409, said('exists')] : [200, there]);
    const client = await clientOf((request, response) => {
      seen.push(`${request.method} ${request.url}`);
      const [status, body] = answer(request);
      answering(status as number, body)(request, response);
    });
    await expect(client.create(job)).resolves.toEqual({ name: 'one', uid: 'u1' });
    await expect(client.create(job, true)).rejects.toThrow(/: Job one: exists$/);
    const jobs = '/apis/batch/v1/namespaces/ns/jobs';
    // Fields that a server does not know must not be left out.
    expect(seen.slice(0, 2)).toEqual([`POST ${jobs}?fieldValidation=Strict`, `GET ${jobs}/one`]);
  });

  it('removes what is gone already', async () => {
    const client = await clientOf(answering(404, said('not found')));
    await expect(client.remove('Job', 'one')).resolves.toBeUndefined();
  });
});
