import type { Launch, Launcher, LaunchEvent, LaunchKeys } from '@prunegrid/coordinator/launch';
import { superviseTrainers, type SupervisorEvents } from '@prunegrid/coordinator/launch/supervisor';
import { nodeHost } from '@prunegrid/core/node';
import { join } from 'node:path';
import { expect } from 'vitest';

/** Connects as a trainer does, ignores every signal that can be ignored, and fails when it is told to. */
export const PROGRAM = `
import { connect } from 'node:net';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
const valueOf = (flag) => process.argv[process.argv.indexOf(flag) + 1];
const read = (file) => readFileSync(file === '-' ? 0 : file, 'utf8').trim();
const address = process.argv.includes('--coordinator') ? valueOf('--coordinator') : read(valueOf('--coordinator-file'));
process.on('SIGTERM', () => undefined);
const socket = connect(Number(address.split(':')[1]), address.split(':')[0]);
const token = read(valueOf('--token-file'));
const visible = [...process.argv, ...Object.values(process.env)].join(' ').includes(token);
socket.write(JSON.stringify({ token, visible, host: hostname(), pid: process.pid }));
socket.on('data', (message) => { throw new Error(String(message)); });
`;

/** A process that runs the program instead of a trainer, and has connected. */
export interface StandIn {
  /** Makes the program end with an uncaught exception. */
  fail(message: string): void;
  /** The token that it was given, whether other users could have seen it, and which process it is. */
  readonly told: Promise<{ token: string; visible: boolean; host: string; pid: number }>;
  /** Resolves when the program has ended. */
  readonly gone: Promise<unknown>;
}

/** The launcher of a test, and the address to which its stand-ins connect. */
export interface Subject {
  launcher: Launcher;
  /** The keys of `launch` with which it starts trainers. */
  keys: LaunchKeys;
  /** The address, as HOST:PORT. */
  coordinator: string;
  /** The folder of the launch. */
  folder: string;
  /** The stand-ins that have connected so far, in the order of connection. */
  readonly arrived: StandIn[];
}

/** Milliseconds within which every expected event must happen. */
export const PATIENCE_MS = 60_000;
export const LOOK_MS = 20;
/** Milliseconds of grace in `stop`. It is short, because stand-ins never leave by themselves. */
export const GRACE_MS = 50;
/** The launches of the current test. */
export const launches: Pick<Launch, 'stop'>[] = [];

export const runtime = nodeHost;
const resources = { threads: 1 };
export const TOKEN = 'the token of the stand-ins';

const requestOf = ({ coordinator, folder, keys }: Subject, trainers: number) => ({
  ...{ name: 'conformance', trainers, coordinator, token: TOKEN, tokenFile: join(folder, 'token') },
  ...{ resources, extensions: [], folder, keys },
});

export function launched(subject: Subject, trainers: number) {
  const events: LaunchEvent[] = [];
  const onEvent = (event: LaunchEvent) => void events.push(event);
  const launch: Launch = subject.launcher.launch(runtime, { ...requestOf(subject, trainers), onEvent });
  launches.push(launch);
  return { launch, events };
}

export const nameIn = (event: LaunchEvent): string => {
  if (event.type === 'waiting') throw new Error(`${event.trainers} trainers wait: ${event.reason}`);
  return event.trainer;
};

/** Returns the last event, which must be the end of a trainer. */
export const endIn = (events: readonly LaunchEvent[]): Extract<LaunchEvent, { type: 'ended' }> => {
  const last = events.at(-1);
  if (last?.type !== 'ended') throw new Error(`no trainer has ended: ${JSON.stringify(last)}`);
  return last;
};

export function supervise(subject: Subject, trainers: number, replaced: SupervisorEvents['replaced']) {
  const events = { replaced, warn: () => undefined };
  const supervised = superviseTrainers(subject.launcher, runtime, requestOf(subject, trainers), events);
  launches.push(supervised);
  return supervised;
}

export const arrivals = (subject: Subject, count: number): Promise<void> =>
  until(() => subject.arrived.length >= count, `${count} trainers dial`);

/** Waits until every stand-in has ended, including one that is still connecting. */
export async function allGone(subject: Subject): Promise<void> {
  await runtime.clock.sleep(10 * LOOK_MS);
  await within(Promise.all(subject.arrived.map(({ gone }) => gone)), 'no trainer is left');
}

export async function until(condition: () => boolean, what: string): Promise<void> {
  const { clock } = runtime;
  for (const end = clock.monotonic() + PATIENCE_MS; !condition(); await clock.sleep(LOOK_MS)) {
    expect(clock.monotonic(), `within ${PATIENCE_MS} ms: ${what}`).toBeLessThan(end);
  }
}

export async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  let result: { value: T } | undefined;
  const waited = promise.then((value) => void (result = { value }));
  await until(() => result !== undefined, what);
  await waited;
  return (result as { value: T }).value;
}
