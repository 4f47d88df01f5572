import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { nodeHost } from '@prunegrid/core/node';
import { isOnThisMachine, trackingAddress } from './address.js';
import { patientBackoff, pauseMs, retryAfterMs, type Backoff } from './backoff.js';
import { MlflowClient } from './client.js';

/** What a server says instead of what MLflow says: those answers come from the real server in the cross-process tests. */
interface Answer {
  status: number;
  body?: string;
  headers?: Record<string, string>;
}
const html = { 'content-type': 'text/html' };
const json = { 'content-type': 'application/json' };
const created: Answer = { status: 200, body: '{"experiment_id":"7"}', headers: json };

let server: Server | undefined;
afterEach(() => server?.close());

/** Gives the answers in turn, the last one over and over. */
async function serving(...answers: Answer[]): Promise<{ url: string; bodies: string[]; requests: IncomingMessage[] }> {
  const bodies: string[] = [];
  const requests: IncomingMessage[] = [];
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    requests.push(request);
    bodies.push(await text(request));
    const { status, body = '', headers = {} } = answers[Math.min(bodies.length, answers.length) - 1];
    response.writeHead(status, headers).end(body);
  };
  server = createServer((request, response) => void respond(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies, requests };
}

const clientOf = (
  url: string,
  options: { backoff?: Backoff; timeoutMs?: number } = {},
  environment: Record<string, string> = {},
): MlflowClient =>
  new MlflowClient(trackingAddress(url, environment), {
    clock: nodeHost.clock,
    backoff: patientBackoff(nodeHost),
    ...options,
  });

/** Notes the pauses instead of taking them. */
function noted(attempts = 5): { backoff: Backoff; pauses: number[] } {
  const pauses: number[] = [];
  const sleep = (milliseconds: number) => Promise.resolve(void pauses.push(milliseconds));
  return { backoff: { attempts, firstDelayMs: 100, maxDelayMs: 5_000, random: () => 0.5, sleep }, pauses };
}

describe('a request that fails for now', () => {
  it.each([408, 429, 500, 502, 503, 504])('is repeated after HTTP %i', async (status) => {
    const { url, bodies } = await serving({ status }, { status }, created);
    const { backoff, pauses } = noted();
    expect(await clientOf(url, { backoff }).createExperiment('a')).toBe('7');
    expect(bodies).toEqual(Array(3).fill('{"name":"a"}'));
    expect(pauses).toEqual([75, 150]);
  });

  it('waits as long as the server asks for', async () => {
    const { url } = await serving({ status: 429, headers: { 'retry-after': '2' } }, created);
    const { backoff, pauses } = noted();
    await clientOf(url, { backoff }).createExperiment('a');
    expect(pauses).toEqual([2000]);
  });

  it('is given up after so many tries, in one line', async () => {
    const { url, bodies } = await serving({ status: 503 });
    const client = clientOf(url, { backoff: noted(3).backoff });
    await expect(client.createExperiment('a')).rejects.toThrow(`MLflow at ${url} answers HTTP 503`);
    expect(bodies).toHaveLength(3);
  });

  it('is repeated when nobody listens, and when nobody answers', async () => {
    const { url } = await serving(created);
    server?.close();
    const { backoff, pauses } = noted(2);
    await expect(clientOf(url, { backoff }).run('r')).rejects.toThrow(/cannot be reached/);
    expect(pauses).toHaveLength(1);

    server = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const silent = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await expect(clientOf(silent, { backoff: backoff, timeoutMs: 50 }).run('r')).rejects.toThrow(/timeout of 50ms/);
    server.closeAllConnections();
  });

  it('is given up when the server goes on answering without an end', async () => {
    const respond = (_request: IncomingMessage, response: ServerResponse) => {
      response.writeHead(200, json);
      const dripping = setInterval(() => response.write(' '), 10);
      response.on('close', () => clearInterval(dripping));
    };
    server = createServer(respond).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    // The limit passes at once.
    const clock = { ...nodeHost.clock, after: (_: number, action: () => void) => nodeHost.clock.after(50, action) };
    const client = new MlflowClient(trackingAddress(url, {}), { clock, backoff: noted(2).backoff });
    await expect(client.run('r')).rejects.toThrow('no whole answer within 120 s');
    const content = () => Readable.from([Buffer.alloc(1_000_000)]);
    await expect(client.putArtifact('1/a', 1_000_000, content)).rejects.toThrow('no whole answer within 183 s');
  });

  it('sends a file from its beginning again', async () => {
    const { url, bodies } = await serving({ status: 502 }, { status: 200 });
    const client = clientOf(url, { backoff: noted().backoff });
    await client.putArtifact('1/a b/model', 3, () => Readable.from([Buffer.from('abc')]));
    expect(bodies).toEqual(['abc', 'abc']);
  });
});

it.each<Answer>([
  { status: 404, body: '<html>', headers: html },
  { status: 404, body: '{"error_code":"ENDPOINT_NOT_FOUND"}', headers: json },
])('does without models and inputs where an older server does not know these calls: %o', async (answer) => {
  const { url, bodies } = await serving(answer);
  const client = clientOf(url, { backoff: noted().backoff });
  expect(await client.findOrCreateModel('1', 'r', 'lenet5')).toBeNull();
  await client.logDataset('r', { name: 'mnist', digest: 'ab' });
  expect(bodies).toHaveLength(2);
});

it('searches again before it creates a run again: the creation whose answer was lost may have been carried out', async () => {
  const none: Answer = { status: 200, body: '{}', headers: json };
  const info = {
    run_id: 'r',
    experiment_id: '1',
    status: 'RUNNING',
    artifact_uri: 'mlflow-artifacts:/1/r/artifacts',
    lifecycle_stage: 'active',
  };
  const one: Answer = { status: 200, body: JSON.stringify({ runs: [{ info }] }), headers: json };
  const { url, requests } = await serving(none, { status: 502 }, one);
  const own = { key: 'prunegrid.run_id', value: 'id' };
  const client = clientOf(url, { backoff: noted().backoff });
  expect(await client.findOrCreateRun('1', own, 5, [own])).toMatchObject({ run_id: 'r' });
  expect(requests.map((request) => request.url?.split('/').at(-1))).toEqual(['search', 'create', 'search']);
});

describe('a request that no repetition helps', () => {
  it.each<[string, Answer, RegExp]>([
    [
      'a web page',
      { status: 200, body: '<html>', headers: html },
      /does not answer as an MLflow server.*200, text\/html/,
    ],
    ['a 404 page', { status: 404, body: '<html>', headers: html }, /does not answer as an MLflow server.*404.*address/],
    [
      'an unknown host',
      { status: 403, body: 'Invalid Host header' },
      /mlflow server with --allowed-hosts 127\.0\.0\.1:/,
    ],
    ['no login', { status: 401 }, /wants a login.*MLFLOW_TRACKING_USERNAME.*MLFLOW_TRACKING_TOKEN/],
    [
      'a reason',
      { status: 400, body: '{"error_code":"INVALID_PARAMETER_VALUE","message":"too\\nlong"}', headers: json },
      /refuses: too long \(INVALID_PARAMETER_VALUE\)/,
    ],
    [
      'a reason with escape codes',
      { status: 400, body: '{"error_code":"BAD\\u001b[2J","message":"\\u001b]0;title\\u0007"}', headers: json },
      /refuses: \\u001b\]0;title\\u0007 \(BAD\\u001b\[2J\)/,
    ],
    [
      'wrongly typed JSON',
      { status: 200, body: '{"experiment_id":{"a":"\\u001b[2J"}}', headers: json },
      /^Failure: http:\S+ does not answer experiments\/create as .*: experiment_id: .*expected string.*; it sent \{"experiment_id":\{"a":"\\u001b\[2J"\}\}; check the address/,
    ],
    [
      'a name that acts on a terminal',
      { status: 200, body: '{"experiment_id":"\\u001b[2J"}', headers: json },
      /experiment_id: a control character; it sent/,
    ],
    [
      'a name without an end',
      { status: 200, body: `{"experiment_id":"${'7'.repeat(100_000)}"}`, headers: json },
      /experiment_id: .*2000.*; it sent \{"experiment_id":"7{102}; check/,
    ],
    ['a list', { status: 200, body: '[]', headers: json }, /the answer: .*expected object.*it sent \[\]/],
  ])('meets %s with one line, once', async (_what, answer, message) => {
    const { url, bodies } = await serving(answer);
    const failure = await clientOf(url, { backoff: noted().backoff }).createExperiment('a').catch(String);
    expect(failure).toMatch(message);
    expect(failure).not.toContain('\n');
    expect(bodies).toHaveLength(1);
  });

  it('tells a wrong login from none', async () => {
    const { url, requests } = await serving({ status: 401 });
    const client = clientOf(url, { backoff: noted().backoff }, { MLFLOW_TRACKING_TOKEN: 'tok' });
    await expect(client.createExperiment('a')).rejects.toThrow(/refuses this login/);
    expect(requests[0]?.headers.authorization).toBe('Bearer tok');
  });
});

it('sends numbers that JSON lacks as strings', async () => {
  const { url, bodies } = await serving({ status: 200, body: '{}', headers: json });
  const metrics = [NaN, Infinity, -Infinity, 0.5].map((value, step) => ({ key: 'loss', value, timestamp: 1, step }));
  await clientOf(url).logBatch('r', { params: [], tags: [], metrics });
  const sent = JSON.parse(bodies[0]) as { metrics: { value: unknown }[] };
  expect(sent.metrics.map(({ value }) => value)).toEqual(['NaN', 'Infinity', '-Infinity', 0.5]);
});

describe("the environment's proxy", () => {
  const names = ['http_proxy', 'HTTP_PROXY', 'no_proxy', 'NO_PROXY'];
  const before = names.map((name) => [name, process.env[name]] as const);
  afterEach(() => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
  const useProxy = (url: string) => {
    for (const name of names) delete process.env[name];
    process.env['http_proxy'] = url;
  };

  it('is not asked for a server of this machine', async () => {
    const { url, requests } = await serving(created);
    // Nobody listens there.
    useProxy('http://127.0.0.1:9');
    expect(await clientOf(url, { backoff: noted(1).backoff }).createExperiment('a')).toBe('7');
    expect(requests[0]?.url).toBe('/api/2.0/mlflow/experiments/create');
  });

  it('is asked for any other server', async () => {
    const { url, requests } = await serving(created);
    useProxy(url);
    const client = clientOf('http://mlflow.invalid:5000', { backoff: noted(1).backoff });
    expect(await client.createExperiment('a')).toBe('7');
    expect(requests[0]?.url).toBe('http://mlflow.invalid:5000/api/2.0/mlflow/experiments/create');
  });

  const far = (variable: string, value: string) =>
    clientOf('http://mlflow.invalid:5000', { backoff: noted(1).backoff }, { [variable]: value }).createExperiment('a');

  it.each(['http_proxy', 'HTTP_PROXY'])(
    'is named with its variable, %s, when nobody listens there',
    async (variable) => {
      // The port at which nobody listens is the proxy's, not that of MLflow.
      useProxy('http://ada:secret@127.0.0.1:9');
      await expect(far(variable, 'http://ada:secret@127.0.0.1:9')).rejects.toThrow(
        `MLflow at http://mlflow.invalid:5000 cannot be reached through the proxy http://127.0.0.1:9 of ${variable} (to go without it: NO_PROXY=mlflow.invalid): connect ECONNREFUSED 127.0.0.1:9`,
      );
    },
  );

  it.each([
    [{ status: 502 }, /answers HTTP 502 through the proxy .* of http_proxy/],
    [{ status: 407, headers: html }, /does not answer as an MLflow server does through the proxy .* of http_proxy/],
    [
      { status: 403, body: '<html>Access to this host is denied', headers: html },
      /wants a login through the proxy .* of http_proxy .* \(HTTP 403\)/,
    ],
  ])('is named when it answers itself: %o', async (answer, message) => {
    const { url } = await serving(answer);
    useProxy(url);
    await expect(far('http_proxy', url)).rejects.toThrow(message);
  });

  it.each(['no_proxy', 'NO_PROXY'])('is said to be left out where %s says so', async (exceptions) => {
    useProxy('http://127.0.0.1:9');
    process.env[exceptions] = 'mlflow.invalid';
    const environment = { http_proxy: 'http://127.0.0.1:9', [exceptions]: 'mlflow.invalid' };
    const client = clientOf('http://mlflow.invalid:5000', { backoff: noted(1).backoff }, environment);
    await expect(client.createExperiment('a')).rejects.toThrow(
      `cannot be reached without the proxy of http_proxy, as ${exceptions} says: `,
    );
  });

  it('is left out by the list of exceptions that counts: the one in small letters', () => {
    useProxy('http://127.0.0.1:9');
    process.env['no_proxy'] = 'other.invalid';
    const environment = { http_proxy: 'http://127.0.0.1:9', no_proxy: 'other.invalid', NO_PROXY: '' };
    expect(trackingAddress('http://mlflow.invalid', environment).proxyRemark).toContain(
      'add mlflow.invalid to no_proxy',
    );
  });

  it.each([
    ['http://localhost:5000', true],
    ['http://mlflow.localhost', true],
    ['http://127.0.0.1:5000', true],
    ['http://127.1.2.3', true],
    ['http://[::1]:5000', true],
    ['http://localhost.example.org', false],
    ['http://127.0.0.1.example.org', false],
    ['http://10.0.0.1', false],
  ])('knows whether %s is on this machine', (url, expected) => {
    expect(isOnThisMachine({ url })).toBe(expected);
  });
});

describe('pauses', () => {
  it('double up to a bound, by chance between its half and its whole', () => {
    const { backoff } = noted();
    expect([1, 2, 3, 20].map((attempt) => pauseMs(backoff, attempt, null))).toEqual([75, 150, 300, 3750]);
    expect(pauseMs({ ...backoff, random: () => 0 }, 1, null)).toBe(50);
    expect(pauseMs(backoff, 1, 3_600_000)).toBe(5_000);
  });

  it('read Retry-After as seconds or as a date', () => {
    const now = Date.parse('Wed, 21 Oct 2015 07:28:00 GMT');
    expect(retryAfterMs('120', now)).toBe(120_000);
    expect(retryAfterMs('Wed, 21 Oct 2015 07:28:30 GMT', now)).toBe(30_000);
    expect(retryAfterMs('Wed, 21 Oct 2015 07:27:00 GMT', now)).toBe(0);
    for (const nonsense of [undefined, '', 'soon']) expect(retryAfterMs(nonsense, now)).toBeNull();
  });
});
