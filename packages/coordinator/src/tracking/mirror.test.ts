import { nodeHost as runtime } from '@prunegrid/core/node';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sampleEvents } from '../../../../test/mlflow/sample-run.js';
import { Journal } from '../journal/journal.js';
import { type RunEvent, runJournal } from '../training/records.js';
import { startMirror, type Mirror } from './mirror.js';
import { syncRun } from './sync.js';

let folder: string;
let journal: Journal<RunEvent>;
let server: Server | undefined;
let lines: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunegrid-mirror-'));
  journal = await Journal.create(runtime, folder, runJournal);
  lines = [];
});
afterEach(async () => {
  await journal.close();
  server?.closeAllConnections();
  server?.close();
  await rm(folder, { recursive: true, force: true });
});

const warn = (line: string) => void lines.push(line);
const start = (url: string): Mirror =>
  startMirror({ url, experiment: 'e', folder, journal, warn, gatherMs: 1, environment: {}, runtime });

async function listen(respond: Parameters<typeof createServer>[1]): Promise<string> {
  server = createServer(respond).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function train(): Promise<void> {
  for (const event of sampleEvents('id')) await journal.append(event);
}

describe('a mirror', () => {
  it('refuses a wrong address before anything begins', () => {
    expect(() => start('databricks')).toThrow(/neither http nor https/);
  });

  it('lets the run go on beside a server that never answers, and can be stopped in the middle', async () => {
    const asked: string[] = [];
    const url = await listen((request) => void asked.push(request.url!));
    const mirror = start(url);
    await train();
    const outcome = await mirror.drain(200);
    expect(asked).toHaveLength(1);
    expect(outcome).toEqual({ state: 'behind', reason: `MLflow at ${url} has not taken everything in time` });
    expect(lines).toEqual([
      `MLflow at ${url} has not taken everything in time; \`prunegrid sync ${folder}\` sends the rest of the run later`,
    ]);
  });

  it('warns once of a server that is none, and again at the end', async () => {
    const asked: string[] = [];
    const url = await listen((request, response) => {
      asked.push(request.url!);
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>');
    });
    const mirror = start(url);
    await train();
    await expect.poll(() => asked.length, { timeout: 10_000 }).toBeGreaterThan(2);
    expect(lines).toEqual([expect.stringMatching(/does not answer as an MLflow server.*; training goes on/)]);
    expect((await mirror.drain(1)).state).toBe('behind');
    expect(lines).toHaveLength(2);
  });

  it('leaves behind where to send the run, without the password', async () => {
    const url = await listen((_request, response) => void response.writeHead(503).end());
    const mirror = start(url.replace('//', '//ada:secret@'));
    await train();
    await expect.poll(() => lines.length).toBe(1);
    await mirror.stop();
    const cursor = await readFile(join(folder, 'mlflow.json'), 'utf8');
    expect(JSON.parse(cursor)).toEqual({
      format: 'prunegrid.mlflow',
      version: 2,
      url,
      experiment: 'e',
      mlflowRun: null,
      nextSeq: 0,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
    expect(lines.join()).not.toContain('secret');
  });

  it('has the run for itself', async () => {
    const url = await listen(() => undefined);
    const mirror = start(url);
    await train();
    await expect
      .poll(() => syncRun(folder, { url, environment: {}, warn, runtime }).catch(String))
      .toMatch(/is sending .* to MLflow; wait/);
    await mirror.stop();
  });
});
