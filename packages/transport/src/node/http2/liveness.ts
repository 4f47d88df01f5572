import type { Http2Session } from 'node:http2';

import { type Clock, StreamBroken } from '@prunegrid/core/runtime';

const PING_MS = 5_000;
/**
 * The time within which a ping must be answered, in milliseconds. It is long because a process that computes answers
 * only in the next turn of its event loop.
 */
const ANSWER_MS = 20_000;

/**
 * Sends pings to the other end of a connection, and destroys the connection with StreamBroken if a ping is not answered
 * in time.
 */
export function watchConnection(session: Http2Session, clock: Clock): void {
  let unansweredSince: number | undefined;
  const pings = clock.every(PING_MS, () => {
    if (unansweredSince === undefined) {
      unansweredSince = clock.monotonic();
      session.ping(() => (unansweredSince = undefined));
    } else if (clock.monotonic() - unansweredSince > ANSWER_MS) {
      // If this process's own event loop was blocked, the answer may have arrived but not been read yet.
      void clock.turn().then(() => {
        if (unansweredSince === undefined || session.destroyed) return;
        session.destroy(new StreamBroken(`no sign of life for ${ANSWER_MS / 1000} s`));
      });
    }
  });
  session.on('close', () => pings.cancel());
}
