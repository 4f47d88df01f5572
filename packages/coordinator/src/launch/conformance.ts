import { deepEqual, equal, ok } from 'node:assert/strict';

import type { Host } from '@prunegrid/core/runtime';

import type { Launch, Launcher, LaunchEvent } from './launcher.js';
import { superviseTrainers } from './supervisor.js';

/**
 * A small program that is started instead of a trainer and has connected. It runs until it is told to fail or is
 * stopped.
 */
export interface StandIn {
  /** Makes the program end with an uncaught exception. */
  fail(message: string): void;
  /** Resolves when the program has ended. */
  readonly gone: Promise<unknown>;
}

/** A launcher that starts stand-ins, and the address to which they connect. Each check needs its own subject. */
export interface LauncherSubject {
  launcher: Launcher;
  runtime: Host;
  /** Address to which the stand-ins connect, as HOST:PORT. */
  coordinator: string;
  /** Stand-ins that have connected so far, in the order of connection. */
  readonly arrived: readonly StandIn[];
}

export interface LauncherCheck {
  name: string;
  /** Throws an AssertionError if the launcher does not fulfil the contract of `Launcher`. */
  run: (subject: LauncherSubject) => Promise<void>;
}

/** Milliseconds within which every expected event must happen. */
const PATIENCE_MS = 30_000;
const LOOK_MS = 20;
/** Milliseconds of grace in `stop`. It is short, because stand-ins never leave by themselves. */
const GRACE_MS = 50;

const resources = { threads: 1 };

/** Checks that every launcher must pass, each on its own subject. They run in any test runner. */
export const launcherConformance: readonly LauncherCheck[] = [
  {
    name: 'starts as many trainers as asked for, and all of them dial',
    async run(subject) {
      const { launch, events } = launched(subject, 3);
      await arrivals(subject, 3);
      await until(subject, () => events.length >= 3, 'three trainers are said to have started');
      deepEqual(
        events.map(({ type }) => type),
        ['started', 'started', 'started'],
      );
      equal(new Set(events.map(({ trainer }) => trainer)).size, 3, 'each trainer has a name of its own');
      await launch.stop(GRACE_MS);
      await allGone(subject);
    },
  },
  {
    name: 'says why a trainer has ended, leaves the others alone and starts another one when told to',
    async run(subject) {
      const { launch, events } = launched(subject, 2);
      await arrivals(subject, 2);
      subject.arrived[0].fail('no luck today');
      await until(subject, () => events.length >= 3, 'the end of a trainer is told');
      const [first, second, end] = events;
      equal(end.type, 'ended');
      ok([first.trainer, second.trainer].includes(end.trainer), `${end.trainer} is one that had started`);
      const { kind, message } = end.failure;
      equal(kind, 'trainers');
      ok(message.includes('Error: no luck today') && !message.includes('\n'), `"${message}" says why, in one line`);
      launch.replace();
      await arrivals(subject, 3);
      equal(events.length, 4);
      equal(events[3].type, 'started');
      await launch.stop(GRACE_MS);
      await allGone(subject);
    },
  },
  {
    name: 'stops all of them, tells nothing of it, and starts none any more',
    async run(subject) {
      const { launch, events } = launched(subject, 2);
      await arrivals(subject, 2);
      await Promise.all([launch.stop(GRACE_MS), launch.stop(GRACE_MS)]);
      launch.replace();
      await allGone(subject);
      equal(subject.arrived.length, 2);
      deepEqual(
        events.map(({ type }) => type),
        ['started', 'started'],
      );
    },
  },
  {
    name: 'leaves nothing behind when it is stopped while it starts trainers',
    async run(subject) {
      const { launch, events } = launched(subject, 3);
      await launch.stop(0);
      const told = events.length;
      await allGone(subject);
      equal(events.length, told);
    },
  },
  {
    name: 'has nothing to do if no trainer is asked for',
    async run(subject) {
      const { launch, events } = launched(subject, 0);
      await launch.stop(GRACE_MS);
      deepEqual(events, []);
    },
  },
  {
    name: 'has a lost trainer replaced if that is wanted',
    async run(subject) {
      const replaced: string[] = [];
      const supervised = supervise(subject, 1, ({ message }) => replaced.push(message));
      await arrivals(subject, 1);
      subject.arrived[0].fail('lost');
      await arrivals(subject, 2);
      equal(replaced.length, 1);
      await supervised.stop(GRACE_MS);
      await allGone(subject);
    },
  },
  {
    name: 'reports a lost trainer that is not replaced',
    async run(subject) {
      const supervised = supervise(subject, 2);
      await arrivals(subject, 2);
      subject.arrived[1].fail('lost');
      const reason = await within(subject, supervised.ended.catch(String), 'the loss is reported');
      ok(reason.includes('Error: lost'), reason);
      equal(subject.arrived.length, 2);
      await supervised.stop(GRACE_MS);
      await allGone(subject);
    },
  },
  {
    name: 'gives up after three short lives',
    async run(subject) {
      const replaced: string[] = [];
      const supervised = supervise(subject, 1, ({ message }) => replaced.push(message));
      for (let life = 1; life <= 3; life++) {
        await arrivals(subject, life);
        subject.arrived[life - 1].fail(`life ${life}`);
      }
      const reason = await within(subject, supervised.ended.catch(String), 'it gives up');
      ok(reason.includes('Error: life 3'), reason);
      equal(replaced.length, 2);
      await supervised.stop(GRACE_MS);
      await allGone(subject);
      equal(subject.arrived.length, 3);
    },
  },
];

function launched({ launcher, runtime, coordinator }: LauncherSubject, trainers: number) {
  const events: LaunchEvent[] = [];
  const onEvent = (event: LaunchEvent) => void events.push(event);
  const launch: Launch = launcher.launch(runtime, { trainers, coordinator, resources, extensions: [], onEvent });
  return { launch, events };
}

const supervise = (
  { launcher, runtime, coordinator }: LauncherSubject,
  trainers: number,
  onReplaced?: Parameters<typeof superviseTrainers>[3],
) => superviseTrainers(launcher, runtime, { trainers, coordinator, resources, extensions: [] }, onReplaced);

const arrivals = (subject: LauncherSubject, count: number): Promise<void> =>
  until(subject, () => subject.arrived.length >= count, `${count} trainers dial`);

/** Waits until every stand-in has ended, including one that is still connecting. */
async function allGone(subject: LauncherSubject): Promise<void> {
  await subject.runtime.clock.sleep(10 * LOOK_MS);
  await within(subject, Promise.all(subject.arrived.map(({ gone }) => gone)), 'no trainer is left');
}

async function until({ runtime }: LauncherSubject, condition: () => boolean, what: string): Promise<void> {
  const { clock } = runtime;
  for (const end = clock.monotonic() + PATIENCE_MS; !condition(); await clock.sleep(LOOK_MS)) {
    ok(clock.monotonic() < end, `within ${PATIENCE_MS} ms: ${what}`);
  }
}

async function within<T>(subject: LauncherSubject, promise: Promise<T>, what: string): Promise<T> {
  let result: { value: T } | undefined;
  const waited = promise.then((value) => void (result = { value }));
  await until(subject, () => result !== undefined, what);
  await waited;
  return (result as { value: T }).value;
}
