import { describe, expect, it } from 'vitest';

import type { MessageStream } from '@prunegrid/core/runtime';

import { Channel } from './channel.js';
import { decodeFromTrainer, encodeFromTrainer, TensorKind } from '@prunegrid/proto';

/** Returns a stream whose messages arrive in the order in which they are put into `incoming`. */
function streamOf(incoming: Buffer[], outgoing: Buffer[]): MessageStream {
  return {
    send: async (head) => void outgoing.push(Buffer.from(head)),
    async receive() {
      while (incoming.length === 0) await new Promise((resolve) => setImmediate(resolve));
      return incoming.shift();
    },
    close: () => undefined,
    closed: new Promise(() => undefined),
  };
}

const channelOn = (stream: MessageStream) => new Channel(stream, decodeFromTrainer, (error) => error as Error);

describe('Channel', () => {
  it('counts the messages and bytes that pass it, alike on both ends', async () => {
    const [there, back]: Buffer[][] = [[], []];
    const left = channelOn(streamOf(back, there));
    const right = channelOn(streamOf(there, back));
    const header = { kind: TensorKind.GRADIENT, generation: 1, step: 2, node: 3 };
    const tensor = new Float32Array((5 << 20) / 8).fill(1);
    const sent = left.sendTensor(header, tensor);
    await right.receiveTensor(header, new Float32Array(tensor.length));
    await sent;
    // The tensor has 2.5 MiB and is sent in chunks of 1 MiB.
    expect(left.traffic.messages).toBe(3);
    expect(left.traffic.bytes - tensor.byteLength).toBeGreaterThan(0);
    expect(left.traffic.bytes - tensor.byteLength).toBeLessThan(3 * 64);
    expect(right.traffic).toEqual(left.traffic);

    const released = encodeFromTrainer({ $case: 'released', value: { generation: 1 } });
    const before = { ...left.traffic };
    await right.send(released);
    await left.receive();
    expect(left.traffic).toEqual({ messages: before.messages + 1, bytes: before.bytes + released.length });
  });

  it('shows the next message without taking it, and says once why there is none', async () => {
    const messages: Buffer[] = [];
    const channel = channelOn(streamOf(messages, messages));
    const [first, second] = [1, 2].map((generation) => encodeFromTrainer({ $case: 'released', value: { generation } }));
    const shown = channel.peek();
    await channel.send(first);
    await channel.send(Buffer.from([0xff]));
    await channel.send(second);
    expect(await shown).toEqual({ $case: 'released', value: { generation: 1 } });
    expect(await channel.receive()).toEqual(await shown);
    expect(await channel.peek()).toBeUndefined();
    expect(await channel.peek()).toBeUndefined();
    await expect(channel.receive()).rejects.toThrow(/cannot be decoded/);
    expect(await channel.receive()).toEqual({ $case: 'released', value: { generation: 2 } });
  });
});
