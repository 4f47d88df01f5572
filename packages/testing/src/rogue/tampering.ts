import type { MessageStream, Transport } from '@prunegrid/core/runtime';

import type { Lie } from './lies.js';

/**
 * Returns the transport of a rogue, which tells a lie instead of one of the messages that the lie is about.
 * @param skip how many of them it tells rightly before
 * @param told called when it has lied
 */
export function tampered(transport: Transport, { side, tell }: Lie, skip: number, told: () => void): Transport {
  let left = skip;
  let isOver = false;
  const rogue = (stream: MessageStream): MessageStream => ({
    receive: () => stream.receive(),
    close: (reason) => stream.close(reason),
    closed: stream.closed,
    async send(head, data = new Uint8Array()) {
      const lies = isOver ? undefined : tell(Buffer.concat([head, data]));
      if (lies === undefined || left-- > 0) return stream.send(head, data);
      isOver = true;
      told();
      for (const lie of lies) await stream.send(lie);
    },
  });
  return {
    ...transport,
    async connect(service, ...call) {
      const stream = await transport.connect(service, ...call);
      const lies = side === 'trainer' ? service === 'coordination' : side === 'peer' && service === 'peers';
      return lies ? rogue(stream) : stream;
    },
    listen: (service, address, onCall, options) =>
      transport.listen(
        service,
        address,
        side === 'coordinator' && service === 'coordination'
          ? (call) => onCall({ ...call, accept: () => rogue(call.accept()) })
          : onCall,
        options,
      ),
  };
}
