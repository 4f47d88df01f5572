import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { nodeHost } from '@prunegrid/core/node';

import { launcherConformance, type StandIn } from '../conformance.js';
import type { LaunchEvent } from '../launcher.js';
import { launchers } from '../index.js';
import { localLauncherOf } from './local.js';

/** Dials as a trainer does, and heeds no signal that can be heeded. */
const program = `
import { connect } from 'node:net';
const address = process.argv[process.argv.indexOf('--coordinator') + 1];
process.on('SIGTERM', () => undefined);
const socket = connect(Number(address.split(':')[1]), address.split(':')[0]);
socket.on('data', (message) => { throw new Error(String(message)); });
`;

let folder: string;
let server: Server;
let coordinator: string;
let arrived: StandIn[];
const sockets = new Set<Socket>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunegrid-launch-'));
  await writeFile(join(folder, 'stand-in.mjs'), program);
});
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(async () => {
  arrived = [];
  server = createServer((socket) => {
    sockets.add(socket);
    const gone = new Promise((resolve) => socket.on('close', resolve).on('error', () => socket.destroy()));
    socket.resume();
    arrived.push({ fail: (message) => void socket.write(message), gone });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  coordinator = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.close();
  // Where a check has failed, its stand-ins are still there.
  for (const socket of sockets) socket.destroy();
  sockets.clear();
});

describe('the local launcher', () => {
  it.each(launcherConformance)('$name', ({ run }) =>
    run({ launcher: localLauncherOf(join(folder, 'stand-in.mjs')), runtime: nodeHost, coordinator, arrived }),
  );

  it('says so when the trainer is not there', async () => {
    const events: LaunchEvent[] = [];
    const ended = new Promise<LaunchEvent>((resolve) => {
      localLauncherOf(join(folder, 'none.mjs')).launch(nodeHost, {
        ...{ trainers: 1, coordinator, resources: { threads: 1 }, extensions: [] },
        onEvent: (event) => (event.type === 'ended' ? resolve(event) : events.push(event)),
      });
    });
    expect(await ended).toMatchObject({
      failure: {
        message: expect.stringMatching(/ended with exit code 1: Error: Cannot find module '.*none\.mjs'/) as string,
      },
    });
    expect(events).toHaveLength(1);
  });

  it('is the one that is registered by its name', () => {
    expect(launchers.names).toEqual(['local']);
    expect(launchers.get('local').name).toBe('local');
  });
});
