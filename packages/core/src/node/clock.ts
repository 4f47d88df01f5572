import { setImmediate as turn } from 'node:timers/promises';

import type { Clock } from '../runtime/clock.js';

/** The clock and timers of Node.js. */
export const nodeClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (milliseconds, signal) =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const timer = setTimeout(end, milliseconds);
      const abort = () => {
        clearTimeout(timer);
        reject(signal?.reason as Error);
      };
      signal?.addEventListener('abort', abort, { once: true });
      function end() {
        signal?.removeEventListener('abort', abort);
        resolve();
      }
    }),
  after(milliseconds, action) {
    const timer = setTimeout(action, milliseconds).unref();
    return { cancel: () => clearTimeout(timer) };
  },
  every(milliseconds, action) {
    const timer = setInterval(action, milliseconds).unref();
    return { cancel: () => clearInterval(timer) };
  },
  turn: () => turn(),
};
