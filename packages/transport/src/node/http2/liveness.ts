import type { Http2Session } from 'node:http2';

import { type Clock, StreamBroken } from '@prunegrid/core/runtime';

const PING_MS = 5_000;
/** A process may compute for so long without a turn of its event loop, in which it answers. */
const ANSWER_MS = 20_000;

/** Pings the other end of a connection, and destroys the connection with StreamBroken once a ping is not answered in time. */
export function watchConnection(session: Http2Session, clock: Clock): void {
  let unansweredSince: number | undefined;
  const pings = clock.every(PING_MS, () => {
    if (unansweredSince === undefined) {
      unansweredSince = clock.monotonic();
      session.ping(() => (unansweredSince = undefined));
    } else if (clock.monotonic() - unansweredSince > ANSWER_MS) {
      // After a long turn of this process's own event loop, the answer may be here and not be read yet.
      void clock.turn().then(() => {
        if (unansweredSince === undefined || session.destroyed) return;
        session.destroy(new StreamBroken(`no sign of life for ${ANSWER_MS / 1000} s`));
      });
    }
  });
  session.on('close', () => pings.cancel());
}
