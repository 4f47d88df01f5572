import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';

import { EngineSilent } from '../polling.js';
import { RayClient } from './client.js';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** A client of a server that answers every request so. */
async function clientOf(answer: RequestListener, token?: string): Promise<RayClient> {
  const listening = createServer(answer);
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  return new RayClient(`http://127.0.0.1:${(listening.address() as AddressInfo).port}`, token);
}

const job = {
  ...{ submission_id: 'one', entrypoint: 'true', entrypoint_num_cpus: 1, entrypoint_num_gpus: 0 },
  ...{ entrypoint_resources: {}, metadata: {} },
};
const answering =
  (status: number, body: string): RequestListener =>
  (_, response) =>
    void response.writeHead(status).end(body);

// What a real Ray answers is tested in test/clusters.
describe("the client of Ray's dashboard", () => {
  it.each([
    [
      'a page of something else',
      200,
      '<html></html>',
      /has not answered as Ray's Jobs API does: is it Ray's dashboard\?$/,
    ],
    ['jobs in states that are unknown', 200, '[{"status":"ASLEEP"}]', /is it Ray's dashboard\?$/],
    ['nothing of that name', 404, 'not found', /Ray has refused the job \(404\): not found$/],
    ['that a token is wanted', 401, 'who?', /Ray asks for a token: name its file by launch.tokenFile$/],
  ])('refuses %s', async (_title, status, body, says) => {
    const client = await clientOf(answering(status, body));
    await expect(client.jobs()).rejects.toMatchObject({
      name: 'Failure',
      message: expect.stringMatching(says) as string,
    });
  });

  it('takes a server that fails, or is away, for silent', async () => {
    const failing = await clientOf(answering(500, 'Traceback\nOSError: no space'));
    await expect(failing.jobs()).rejects.toThrow(EngineSilent);
    await expect(failing.submit(job)).rejects.toThrow(/Ray has answered 500: OSError: no space$/);
    server?.closeAllConnections();
    server?.close();
    await expect(failing.jobs()).rejects.toThrow(EngineSilent);
  });

  it('has submitted a job whose id is known', async () => {
    const client = await clientOf(answering(500, 'ValueError: Job with submission_id one already exists. Please use'));
    await expect(client.submit(job)).resolves.toBeUndefined();
  });

  it('says its token, and follows nobody elsewhere with it', async () => {
    const seen: (string | undefined)[] = [];
    const client = await clientOf((request, response) => {
      seen.push(`${request.url} ${request.headers.authorization}`);
      response.writeHead(302, { location: '/elsewhere' }).end();
    }, 'secret');
    await expect(client.jobs()).rejects.toThrow(/has refused the job \(302\)/);
    expect(seen).toEqual(['/api/jobs/ Bearer secret']);
  });
});
