import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Launch, Launcher, LaunchEvent } from '@prunegrid/coordinator/launch';
import { superviseTrainers } from '@prunegrid/coordinator/launch/supervisor';
import { nodeHost } from '@prunegrid/core/node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

/** Connects as a trainer does, ignores every signal that can be ignored, and fails when it is told to. */
const PROGRAM = `
import { connect } from 'node:net';
import { readFileSync } from 'node:fs';
const valueOf = (flag) => process.argv[process.argv.indexOf(flag) + 1];
const address = valueOf('--coordinator');
process.on('SIGTERM', () => undefined);
const socket = connect(Number(address.split(':')[1]), address.split(':')[0]);
const file = valueOf('--token-file');
const token = readFileSync(file === '-' ? 0 : file, 'utf8').trim();
const visible = [...process.argv, ...Object.values(process.env)].join(' ').includes(token);
socket.write(JSON.stringify({ token, visible }));
socket.on('data', (message) => { throw new Error(String(message)); });
`;

/** A process that runs the program instead of a trainer, and has connected. */
interface StandIn {
  /** Makes the program end with an uncaught exception. */
  fail(message: string): void;
  /** The token that it was given, and whether other users could have seen it. */
  readonly told: Promise<{ token: string; visible: boolean }>;
  /** Resolves when the program has ended. */
  readonly gone: Promise<unknown>;
}

/** The launcher of a test, and the address to which its stand-ins connect. */
interface Subject {
  launcher: Launcher;
  /** The address, as HOST:PORT. */
  coordinator: string;
  /** The stand-ins that have connected so far, in the order of connection. */
  readonly arrived: StandIn[];
}

/** Milliseconds within which every expected event must happen. */
const PATIENCE_MS = 30_000;
const LOOK_MS = 20;
/** Milliseconds of grace in `stop`. It is short, because stand-ins never leave by themselves. */
const GRACE_MS = 50;

const runtime = nodeHost;
const resources = { threads: 1 };
const TOKEN = 'the token of the stand-ins';

/**
 * Describes the vitest tests that every launcher must pass. They start real processes.
 * @param name the launcher's name
 * @param launcherOf returns the launcher as it is, except that it starts this program file instead of prunegrid-trainer
 */
export function describeLauncher(name: string, launcherOf: (program: string) => Launcher): void {
  describe(`launcher ${name}`, () => {
    let folder: string;
    let server: Server;
    let subject: Subject;
    const sockets = new Set<Socket>();

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'prunegrid-launch-'));
      await writeFile(join(folder, 'stand-in.mjs'), PROGRAM);
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));
    beforeEach(async () => {
      const arrived: StandIn[] = [];
      server = createServer((socket) => {
        sockets.add(socket);
        const gone = new Promise((resolve) => socket.on('close', resolve).on('error', () => socket.destroy()));
        const told = new Promise<Awaited<StandIn['told']>>((resolve) =>
          socket.once('data', (text) => resolve(JSON.parse(String(text)) as Awaited<StandIn['told']>)),
        );
        arrived.push({ told, fail: (message) => void socket.write(message), gone });
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const coordinator = `127.0.0.1:${(server.address() as AddressInfo).port}`;
      subject = { launcher: launcherOf(join(folder, 'stand-in.mjs')), coordinator, arrived };
    });
    afterEach(() => {
      server.close();
      // If a test has failed, its stand-ins are still there.
      for (const socket of sockets) socket.destroy();
      sockets.clear();
    });

    it('has its name', () => expect(subject.launcher.name).toBe(name));

    it('starts as many trainers as asked for, and all of them dial', async () => {
      const { launch, events } = launched(subject, 3);
      await arrivals(subject, 3);
      await until(() => events.length >= 3, 'three trainers are said to have started');
      expect(events.map(({ type }) => type)).toEqual(['started', 'started', 'started']);
      expect(new Set(events.map(({ trainer }) => trainer)).size, 'names').toBe(3);
      await launch.stop(GRACE_MS);
      await allGone(subject);
    });

    it('gives each of them the token where no other user sees it', async () => {
      const { launch } = launched(subject, 2);
      await arrivals(subject, 2);
      const told = await within(Promise.all(subject.arrived.map((each) => each.told)), 'the tokens are told');
      expect(told).toEqual([0, 1].map(() => ({ token: TOKEN, visible: false })));
      await launch.stop(GRACE_MS);
      await allGone(subject);
    });

    it('says why a trainer has ended, leaves the others alone and starts another one when told to', async () => {
      const { launch, events } = launched(subject, 2);
      await arrivals(subject, 2);
      subject.arrived[0].fail('no luck today');
      await until(() => events.length >= 3, 'the end of a trainer is told');
      const [first, second, end] = events;
      if (end.type !== 'ended') throw new Error(`${end.trainer} has started`);
      expect([first.trainer, second.trainer]).toContain(end.trainer);
      const { kind, message } = end.failure;
      expect(kind).toBe('trainers');
      expect(message).toMatch(/^.*Error: no luck today.*$/);
      launch.replace();
      await arrivals(subject, 3);
      expect(events.length).toBe(4);
      expect(events[3].type).toBe('started');
      await launch.stop(GRACE_MS);
      await allGone(subject);
    });

    it('stops all of them, tells nothing of it, and starts none any more', async () => {
      const { launch, events } = launched(subject, 2);
      await arrivals(subject, 2);
      await Promise.all([launch.stop(GRACE_MS), launch.stop(GRACE_MS)]);
      launch.replace();
      await allGone(subject);
      expect(subject.arrived.length).toBe(2);
      expect(events.map(({ type }) => type)).toEqual(['started', 'started']);
    });

    it('leaves nothing behind when it is stopped while it starts trainers', async () => {
      const { launch, events } = launched(subject, 3);
      await launch.stop(0);
      const told = events.length;
      await allGone(subject);
      expect(events.length).toBe(told);
    });

    it('has nothing to do if no trainer is asked for', async () => {
      const { launch, events } = launched(subject, 0);
      await launch.stop(GRACE_MS);
      expect(events).toEqual([]);
    });

    it('has a lost trainer replaced if that is wanted', async () => {
      const replaced: string[] = [];
      const supervised = supervise(subject, 1, ({ message }) => replaced.push(message));
      await arrivals(subject, 1);
      subject.arrived[0].fail('lost');
      await arrivals(subject, 2);
      expect(replaced.length).toBe(1);
      await supervised.stop(GRACE_MS);
      await allGone(subject);
    });

    it('reports a lost trainer that is not replaced', async () => {
      const supervised = supervise(subject, 2);
      await arrivals(subject, 2);
      subject.arrived[1].fail('lost');
      const reason = await within(supervised.ended.catch(String), 'the loss is reported');
      expect(reason).toContain('Error: lost');
      expect(subject.arrived.length).toBe(2);
      await supervised.stop(GRACE_MS);
      await allGone(subject);
    });

    it('gives up after three short lives', async () => {
      const replaced: string[] = [];
      const supervised = supervise(subject, 1, ({ message }) => replaced.push(message));
      for (let life = 1; life <= 3; life++) {
        await arrivals(subject, life);
        subject.arrived[life - 1].fail(`life ${life}`);
      }
      const reason = await within(supervised.ended.catch(String), 'it gives up');
      expect(reason).toContain('Error: life 3');
      expect(replaced.length).toBe(2);
      await supervised.stop(GRACE_MS);
      await allGone(subject);
      expect(subject.arrived.length).toBe(3);
    });
  });
}

function launched({ launcher, coordinator }: Subject, trainers: number) {
  const events: LaunchEvent[] = [];
  const onEvent = (event: LaunchEvent) => void events.push(event);
  const launch: Launch = launcher.launch(runtime, {
    ...{ trainers, coordinator, token: TOKEN, resources, extensions: [] },
    onEvent,
  });
  return { launch, events };
}

const supervise = (
  { launcher, coordinator }: Subject,
  trainers: number,
  onReplaced?: Parameters<typeof superviseTrainers>[3],
) =>
  superviseTrainers(launcher, runtime, { trainers, coordinator, token: TOKEN, resources, extensions: [] }, onReplaced);

const arrivals = (subject: Subject, count: number): Promise<void> =>
  until(() => subject.arrived.length >= count, `${count} trainers dial`);

/** Waits until every stand-in has ended, including one that is still connecting. */
async function allGone(subject: Subject): Promise<void> {
  await runtime.clock.sleep(10 * LOOK_MS);
  await within(Promise.all(subject.arrived.map(({ gone }) => gone)), 'no trainer is left');
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const { clock } = runtime;
  for (const end = clock.monotonic() + PATIENCE_MS; !condition(); await clock.sleep(LOOK_MS)) {
    expect(clock.monotonic(), `within ${PATIENCE_MS} ms: ${what}`).toBeLessThan(end);
  }
}

async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  let result: { value: T } | undefined;
  const waited = promise.then((value) => void (result = { value }));
  await until(() => result !== undefined, what);
  await waited;
  return (result as { value: T }).value;
}
