import { type Clock, type IncomingCall, type Service, StreamBroken, type Transport } from '@prunegrid/core/runtime';
import { describe, expect, it } from 'vitest';

const CONNECT_MS = 5000;

export interface TransportUnderTest {
  transport: Transport;
  clock: Clock;
  /** Runs a program, for example with a virtual clock. */
  run: (program: () => Promise<void>) => Promise<void>;
}

/**
 * Describes the vitest tests that every transport must pass.
 *
 * @param name the name of the transport
 * @param addresses an address to listen on for each service, which selects a free port or path
 * @param make returns a transport, its clock, and a function that runs a program
 */
export function describeTransport(
  name: string,
  addresses: Readonly<Record<Service, readonly string[]>>,
  make: () => TransportUnderTest,
): void {
  const cases = (['coordination', 'peers'] as const).flatMap((service) =>
    addresses[service].map((address) => [service, address] as const),
  );
  describe.each(cases)(`transport: ${name}, %s at %s`, (service, address) => {
    interface Ends {
      /** Makes a call, and returns the ends of the caller and of the callee. */
      call: () => Promise<readonly [caller: Stream, callee: Stream]>;
      calls: IncomingCall[];
      address: string;
      transport: Transport;
      clock: Clock;
      close: () => Promise<void>;
    }
    type Stream = Awaited<ReturnType<Transport['connect']>>;

    /** Defines a test that runs a program with a listener and calls to it. */
    const test = (what: string, program: (ends: Ends) => Promise<void>) =>
      it(what, () => {
        const { transport, clock, run } = make();
        return run(async () => {
          const calls: IncomingCall[] = [];
          const listener = await transport.listen(service, address, (call) => calls.push(call));
          const streams: Stream[] = [];
          const call = async () => {
            const connected = transport.connect(service, listener.address, CONNECT_MS);
            while (calls.length === 0) await clock.sleep(1);
            const callee = (calls.shift() as IncomingCall).accept();
            const caller = await connected;
            streams.push(caller, callee);
            return [caller, callee] as const;
          };
          const close = () => listener.close();
          try {
            await program({ call, calls, address: listener.address, transport, clock, close });
          } finally {
            for (const stream of streams) stream.close();
            await close().catch(() => undefined);
          }
        });
      });

    test('delivers messages whole and in order, both ways', async ({ call }) => {
      const [caller, callee] = await call();
      const big = Buffer.alloc(1 << 20, 7);
      for (const [from, to] of [
        [caller, callee],
        [callee, caller],
      ]) {
        const sending = Promise.all([
          from.send(Buffer.from('first')),
          from.send(Buffer.from('head '), Buffer.from('and data')),
          from.send(Buffer.from('big'), big),
          from.send(Buffer.from('last')),
        ]);
        expect(String(await to.receive())).toBe('first');
        expect(String(await to.receive())).toBe('head and data');
        expect(Buffer.concat([Buffer.from('big'), big]).equals((await to.receive()) as Buffer)).toBe(true);
        expect(String(await to.receive())).toBe('last');
        await sending;
      }
    });

    test('lets a sender reuse its bytes', async ({ call }) => {
      const [caller, callee] = await call();
      const data = Buffer.alloc(1000);
      const received: number[] = [];
      const receiving = (async () => {
        for (let i = 0; i < 50; i++) received.push(((await callee.receive()) as Buffer)[1]);
      })();
      for (let i = 0; i < 50; i++) {
        data.fill(i);
        await caller.send(Buffer.of(0), data);
      }
      await receiving;
      expect(received).toEqual(Array.from({ length: 50 }, (_, i) => i));
    });

    test('makes a sender wait for a receiver that does not receive', async ({ call, clock }) => {
      const [caller, callee] = await call();
      let sent = 0;
      const sending = (async () => {
        for (; sent < 64; sent++) await caller.send(Buffer.alloc(1 << 20));
      })();
      await clock.sleep(200);
      expect(sent).toBeLessThan(40);
      for (let i = 0; i < 64; i++) expect((await callee.receive())?.length).toBe(1 << 20);
      await sending;
    });

    test('delivers what was sent before the end, and then says that it is the end', async ({ call }) => {
      const [caller, callee] = await call();
      await caller.send(Buffer.from('last words'));
      const waiting = caller.receive();
      caller.close();
      expect(await waiting).toBeUndefined();
      expect(String(await callee.receive())).toBe('last words');
      expect(await callee.receive()).toBeUndefined();
      expect(await callee.receive()).toBeUndefined();
      await Promise.all([caller.closed, callee.closed]);
      await callee.send(Buffer.from('to nobody'));
      await caller.send(Buffer.from('by nobody'));
    });

    test('lets the callee end the stream, too', async ({ call }) => {
      const [caller, callee] = await call();
      await callee.send(Buffer.from('last words'));
      callee.close();
      expect(String(await caller.receive())).toBe('last words');
      expect(await caller.receive()).toBeUndefined();
      await caller.closed;
    });

    test('lets go of a sender when the stream ends', async ({ call, clock }) => {
      const [caller, callee] = await call();
      let sent = 0;
      const sending = (async () => {
        for (; sent < 64; sent++) await caller.send(Buffer.alloc(1 << 20));
      })();
      await clock.sleep(50);
      callee.close('enough');
      caller.close('enough');
      await sending;
      expect(sent).toBe(64);
    });

    test('refuses a call with the reason', async ({ calls, clock, address: at, transport }) => {
      const connecting = transport.connect(service, at, CONNECT_MS);
      connecting.catch(() => undefined);
      while (calls.length === 0) await clock.sleep(1);
      calls[0].refuse('no room, sorry');
      await expect(connecting).rejects.toThrow(StreamBroken);
      await expect(connecting).rejects.toThrow('no room, sorry');
    });

    test('gives up a call that nobody accepts in time', async ({ address: at, transport }) => {
      await expect(transport.connect(service, at, 300)).rejects.toThrow(StreamBroken);
    });

    test('says that nobody listens', async ({ address: at, transport, close }) => {
      await close();
      await expect(transport.connect(service, at, 300)).rejects.toThrow(StreamBroken);
    });

    test('listens at an address once', async ({ address: at, transport }) => {
      await expect(transport.listen(service, at, () => undefined)).rejects.toThrow(/EADDRINUSE/);
    });

    if (service === 'peers') {
      test('carries what the caller says of itself', async ({ calls, clock, address: at, transport }) => {
        const connecting = transport.connect(service, at, CONNECT_MS, { 'prunegrid-rank': '3' });
        while (calls.length === 0) await clock.sleep(1);
        expect(calls[0].metadata).toMatchObject({ 'prunegrid-rank': '3' });
        const callee = calls[0].accept();
        const caller = await connecting;
        caller.close();
        callee.close();
      });

      test('leaves streams open when the listener closes', async ({ call, close }) => {
        const [caller, callee] = await call();
        await close();
        await caller.send(Buffer.from('still here'));
        expect(String(await callee.receive())).toBe('still here');
      });
    } else {
      test('ends the streams when the listener closes', async ({ call, close }) => {
        const [caller] = await call();
        await close();
        await caller.receive().catch((error: unknown) => expect(error).toBeInstanceOf(StreamBroken));
        await caller.closed;
      });

      test('tells the caller why the stream was ended', async ({ call }) => {
        const [caller, callee] = await call();
        await caller.send(Buffer.from('gibberish'));
        await callee.receive();
        callee.close('a message cannot be decoded');
        await expect(caller.receive()).rejects.toThrow('a message cannot be decoded');
        await caller.closed;
      });
    }
  });
}
