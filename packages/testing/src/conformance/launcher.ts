import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { EndCause, Launcher, LaunchEvent, LaunchKeys } from '@prunegrid/coordinator/launch';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import {
  PROGRAM,
  type StandIn,
  type Subject,
  PATIENCE_MS,
  LOOK_MS,
  GRACE_MS,
  launches,
  runtime,
  TOKEN,
  launched,
  nameIn,
  endIn,
  supervise,
  arrivals,
  allGone,
  until,
  within,
} from './launcher-stand-ins.js';

/** The keys of `launch`, with those of the launcher itself. */
type AnyKeys = LaunchKeys & Record<string, unknown>;

/** Keys with which no trainer starts, and what the launcher says to that. */
interface Refusal {
  keys: AnyKeys;
  says: RegExp;
}

/** What can be done to the trainers of a launcher from outside. Tests of what is absent are left out. */
export interface LauncherBench {
  /** The keys of `launch`; by default the name alone. */
  keys?: AnyKeys;
  /** Takes a trainer's place away, as the cluster would. */
  preempt?: (trainer: string) => Promise<void>;
  /** Ends a trainer, as a user would by the cluster's own command. */
  cancel?: (trainer: string) => Promise<void>;
  /** Ends all trainers together, where a user cannot end one of them. */
  cancelAll?: () => Promise<void>;
  /** Keys that ask for more than there will ever be. */
  tooMuch?: Refusal;
  /** Keys with which trainers wait for ever. */
  never?: Refusal;
  /** Returns the names of all jobs or processes of launchers that have not ended. */
  leftovers?: () => Promise<string[]>;
}

/**
 * Describes the vitest tests that every launcher must pass. They start real processes.
 * @param name the launcher's name
 * @param launcherOf returns the launcher as it is, except that it starts this program file instead of prunegrid-trainer
 */
export function describeLauncher(
  name: string,
  launcherOf: (program: string) => Launcher,
  bench: LauncherBench = {},
): void {
  describe(`launcher ${name}`, { timeout: 4 * PATIENCE_MS }, () => {
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
      const launch = await mkdtemp(join(folder, 'launch-'));
      await writeFile(join(launch, 'token'), TOKEN, { mode: 0o600 });
      const launcher = launcherOf(join(folder, 'stand-in.mjs'));
      subject = { launcher, keys: bench.keys ?? { name }, coordinator, folder: launch, arrived };
    });
    afterEach(async () => {
      server.close();
      // If a test has failed, its launches are still there.
      await Promise.all(launches.splice(0).map((launch) => launch.stop(GRACE_MS)));
      expect(await bench.leftovers?.()).toEqual(bench.leftovers && []);
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
      expect(new Set(events.map(nameIn)).size, 'names').toBe(3);
      await launch.stop(GRACE_MS);
      await allGone(subject);
    });

    it('gives each of them the token where no other user sees it', async () => {
      const { launch } = launched(subject, 2);
      await arrivals(subject, 2);
      const told = await within(Promise.all(subject.arrived.map((each) => each.told)), 'the tokens are told');
      expect(told).toMatchObject([0, 1].map(() => ({ token: TOKEN, visible: false })));
      await launch.stop(GRACE_MS);
      await allGone(subject);
    });

    it('says why a trainer has ended, leaves the others alone and starts another one when told to', async () => {
      const { launch, events } = launched(subject, 2);
      await arrivals(subject, 2);
      await until(() => events.length >= 2, 'two trainers are said to have started');
      subject.arrived[0].fail('no luck today');
      await until(() => events.length >= 3, 'the end of a trainer is told');
      const [first, second] = events;
      const end = endIn(events);
      expect([first, second].map(nameIn)).toContain(end.trainer);
      expect(end.cause).toBe('failed');
      const { kind, message } = end.failure;
      expect(kind).toBe('trainers');
      expect(message).toMatch(/^.*Error: no luck today.*$/);
      launch.replace();
      await arrivals(subject, 3);
      await until(() => events.length >= 4, 'another one is said to have started');
      expect(events[3].type).toBe('started');
      await launch.stop(GRACE_MS);
      await allGone(subject);
    });

    it('tells the end of each if all are lost, and starts as many again as told to', async () => {
      const { launch, events } = launched(subject, 2);
      await arrivals(subject, 2);
      for (const standIn of subject.arrived) standIn.fail('all of them');
      await until(() => events.filter(({ type }) => type === 'ended').length === 2, 'both ends are told');
      for (let i = 0; i < 2; i++) launch.replace();
      await arrivals(subject, 4);
      await launch.stop(GRACE_MS);
      await allGone(subject);
    });

    it('keeps what each of them prints', async () => {
      const { launch, events } = launched(subject, 2);
      await arrivals(subject, 2);
      await until(() => events.length >= 2, 'two trainers are said to have started');
      subject.arrived[1].fail('words for the log');
      await until(() => events.length >= 3, 'the end of a trainer is told');
      await launch.stop(GRACE_MS);
      await allGone(subject);
      const logs = join(subject.folder, 'logs');
      const texts = await Promise.all((await readdir(logs)).map((file) => readFile(join(logs, file), 'utf8')));
      expect(texts.filter((text) => text.includes('words for the log'))).toHaveLength(1);
    });

    it('is not confused by what an earlier launch has left in the folder', async () => {
      const earlier = launched(subject, 2);
      await arrivals(subject, 2);
      await earlier.launch.stop(GRACE_MS);
      await allGone(subject);
      const { launch, events } = launched(subject, 1);
      await arrivals(subject, 3);
      await until(() => events.length >= 1, 'it is said to have started');
      await launch.stop(GRACE_MS);
      await allGone(subject);
      expect(events.map(({ type }) => type)).toEqual(['started']);
    });

    it('ends a trainer that the coordinator has given up, if it can tell which one that is', async ({ skip }) => {
      const { launch, events } = launched(subject, 2);
      await arrivals(subject, 2);
      await until(() => events.length >= 2, 'two trainers are said to have started');
      skip(!launch.giveUp);
      const [first, second] = subject.arrived;
      launch.giveUp?.(await first.told);
      await within(first.gone, 'it is gone');
      await until(() => events.length >= 3, 'its end is told');
      expect(events[2]).toMatchObject({ type: 'ended' });
      second.fail('the other one was there');
      await within(second.gone, 'the other one is gone as well');
      await launch.stop(GRACE_MS);
      await allGone(subject);
    });

    it.runIf(bench.preempt)('has a trainer that loses its place come back, and the others stay', async () => {
      const { launch, events } = launched(subject, 2);
      await arrivals(subject, 2);
      await until(() => events.length >= 2, 'two trainers are said to have started');
      await bench.preempt?.(nameIn(events[0]));
      await until(() => events.length >= 3, 'the loss is told');
      // It may have come back at the same look.
      const { cause, trainer } = endIn(events.slice(0, 3));
      expect(trainer).toBe(nameIn(events[0]));
      expect(['preempted', 'requeued'] satisfies EndCause[]).toContain(cause);
      if (cause === 'preempted') launch.replace();
      await arrivals(subject, 3);
      expect(events.filter(({ type }) => type === 'ended')).toHaveLength(1);
      await launch.stop(GRACE_MS);
      await allGone(subject);
    });

    it.runIf(bench.cancel)('tells of a trainer that somebody has cancelled, and of the last one', async () => {
      const { launch, events } = launched(subject, 2);
      await arrivals(subject, 2);
      await until(() => events.length >= 2, 'two trainers are said to have started');
      const [first, second] = events.map(nameIn);
      await bench.cancel?.(first);
      await until(() => events.length >= 3, 'the first end is told');
      expect(endIn(events)).toMatchObject({ trainer: first, cause: 'cancelled' });
      await bench.cancel?.(second);
      await until(() => events.length >= 4, 'the second end is told');
      expect(endIn(events)).toMatchObject({ trainer: second, cause: 'cancelled' });
      await launch.stop(GRACE_MS);
      await allGone(subject);
    });

    it.runIf(bench.cancelAll)('tells of each trainer when somebody has cancelled all of them', async () => {
      const { launch, events } = launched(subject, 2);
      await arrivals(subject, 2);
      await until(() => events.length >= 2, 'two trainers are said to have started');
      await bench.cancelAll?.();
      await until(() => events.length >= 4, 'both ends are told');
      expect(events.slice(2)).toMatchObject([
        { type: 'ended', cause: 'cancelled' },
        { type: 'ended', cause: 'cancelled' },
      ]);
      await launch.stop(GRACE_MS);
      await allGone(subject);
      expect(subject.arrived.length).toBe(2);
    });

    it.runIf(bench.tooMuch)('says that there is not as much as was asked for', async () => {
      const { keys, says } = bench.tooMuch as Refusal;
      const { launch, events } = launched({ ...subject, keys }, 1);
      await until(() => events.length >= 1, 'something is said');
      expect(events[0].type === 'ended' ? events[0].failure.message : JSON.stringify(events[0])).toMatch(says);
      await launch.stop(GRACE_MS);
      expect(subject.arrived).toEqual([]);
    });

    it.runIf(bench.never)('says why trainers do not start, once, and takes them back', async () => {
      const { keys, says } = bench.never as Refusal;
      const { launch, events } = launched({ ...subject, keys }, 2);
      await until(() => events.length >= 1, 'something is said');
      await runtime.clock.sleep(20 * LOOK_MS);
      expect(events).toEqual([
        { type: 'waiting', trainers: 2, reason: expect.stringMatching(says) as string },
      ] satisfies LaunchEvent[]);
      await launch.stop(GRACE_MS);
      expect(subject.arrived).toEqual([]);
    });

    it('stops all of them, tells nothing of it, and starts none any more', async () => {
      const { launch, events } = launched(subject, 2);
      await arrivals(subject, 2);
      await until(() => events.length >= 2, 'two trainers are said to have started');
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

    it('has a lost trainer replaced', async () => {
      const replaced: string[] = [];
      const supervised = supervise(subject, 1, ({ message }) => replaced.push(message));
      await arrivals(subject, 1);
      subject.arrived[0].fail('lost');
      await arrivals(subject, 2);
      expect(replaced.length).toBe(1);
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
