import { type IncomingCall, type MessageStream, StreamBroken } from '@prunegrid/core/runtime';
import { describe, expect, it } from 'vitest';

import { VirtualClock } from '../clock/virtual-clock.js';
import { MemoryNetwork, type NetworkOptions } from './memory-network.js';

/** Runs a program on a network in virtual time. */
function onNetwork<T>(
  options: Omit<NetworkOptions, 'clock' | 'seed'> & { seed?: number },
  program: (network: MemoryNetwork, clock: VirtualClock) => Promise<T>,
): Promise<T> {
  const clock = new VirtualClock();
  return clock.run(() => program(new MemoryNetwork({ clock, seed: 1, ...options }), clock));
}

/** Returns both ends of the stream of a call from `left` to `right`. */
async function pair(network: MemoryNetwork): Promise<readonly [MessageStream, MessageStream]> {
  let callee: MessageStream | undefined;
  const listener = await network.end('right').listen('peers', 'right:0', (call) => (callee = call.accept()));
  const caller = await network.end('left').connect('peers', listener.address, 1000);
  return [caller, callee as MessageStream];
}

const say = (stream: MessageStream, text: string) => stream.send(Buffer.from(text));

describe('a network in memory', () => {
  it('holds what is sent over a link that is cut until it is mended', () =>
    onNetwork({}, async (network, clock) => {
      const [left, right] = await pair(network);
      network.cut('right', 'left');
      await say(left, 'one');
      await say(left, 'two');
      const receiving = right.receive().then(String);
      const first = await Promise.race([receiving, clock.sleep(60_000).then(() => 'silence')]);
      expect(first).toBe('silence');
      network.mend('left', 'right');
      expect(await receiving).toBe('one');
      expect(String(await right.receive())).toBe('two');
    }));

  it('breaks streams at both ends once an end is unreachable for too long', () =>
    onNetwork({ livenessMs: 20_000 }, async (network, clock) => {
      const [left, right] = await pair(network);
      network.cut('left', 'right');
      await clock.sleep(10_000);
      network.mend('left', 'right');
      await clock.sleep(15_000);
      await say(left, 'here');
      expect(String(await right.receive())).toBe('here');
      network.cut('left', 'right');
      const since = clock.monotonic();
      for (const end of [left, right]) await expect(end.receive()).rejects.toThrow('no sign of life for 20 s');
      expect(clock.monotonic() - since).toBe(20_000);
    }));

  it('lets an end that was frozen learn of what has happened when it thaws', () =>
    onNetwork({ livenessMs: 20_000 }, async (network, clock) => {
      const [left, right] = await pair(network);
      network.freeze('right');
      const waiting = right.receive();
      waiting.catch(() => undefined);
      await expect(left.receive()).rejects.toThrow(StreamBroken);
      expect(await Promise.race([waiting, clock.sleep(60_000).then(() => 'nothing')])).toBe('nothing');
      const calling = network.end('left').connect('peers', 'right:1', 5000);
      await expect(calling).rejects.toThrow('not accepted');
      network.thaw('right');
      await expect(waiting).rejects.toThrow(StreamBroken);
    }));

  it('breaks streams of a link, or by chance', () =>
    onNetwork({}, async (network) => {
      const [left, right] = await pair(network);
      await say(left, 'one');
      network.break('left', 'right');
      expect(String(await right.receive())).toBe('one');
      await expect(right.receive()).rejects.toThrow('the connection was reset');
      await expect(left.receive()).rejects.toThrow('the connection was reset');
      await left.closed;
    }));

  it('does the same in every run with the same seed, and something else with another', async () => {
    const history = (seed: number) =>
      onNetwork({ seed, delayMs: [0, 50], breaks: 0.02 }, async (network, clock) => {
        const events: string[] = [];
        const calls: IncomingCall[] = [];
        const listener = await network.end('hub').listen('coordination', 'hub:0', (call) => {
          calls.push(call);
          events.push(`${clock.monotonic()} call of ${call.remote}`);
          const stream = call.accept();
          void (async () => {
            for (;;) {
              const message = await stream.receive();
              if (!message) break;
              events.push(`${clock.monotonic()} ${call.remote}: ${String(message)}`);
            }
          })().catch((error: Error) => events.push(`${clock.monotonic()} ${call.remote}: ${error.message}`));
        });
        const names = Array.from({ length: 8 }, (_, i) => `end ${i}`);
        await Promise.all(
          names.map(async (name) => {
            const stream = await network.end(name).connect('coordination', listener.address, 1000);
            for (let i = 0; i < 40; i++) await say(stream, String(i));
          }),
        );
        await clock.sleep(1000);
        return { events, order: calls.map(({ remote }) => remote), names };
      });
    const first = await history(1);
    expect(await history(1)).toEqual(first);
    expect((await history(2)).events).not.toEqual(first.events);
    // Calls overtake each other.
    expect(first.order).not.toEqual(first.names);
    expect([...first.order].sort()).toEqual(first.names);
    // Some streams have broken, and the messages of each have come in order.
    expect(first.events.some((event) => event.endsWith('reset'))).toBe(true);
    for (const name of first.names) {
      const numbers = first.events.flatMap((event) => new RegExp(`${name}: (\\d+)$`).exec(event)?.[1] ?? []);
      expect(numbers).toEqual(numbers.map((_, i) => String(i)));
    }
  });
});
