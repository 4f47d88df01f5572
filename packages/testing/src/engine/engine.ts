import type { Clock } from '@prunegrid/core/runtime';
import { type EngineSource, hostEngine } from '@prunegrid/trainer/engines';

import { SmallNetwork } from './network.js';

/** The clocks of processes whose processor computes wrong gradients. An engine knows its process by nothing else. */
export const faulty = new WeakSet<Clock>();
/** The milliseconds that a process takes for the gradient of a micro-batch, by its clock. The default is no time at all. */
export const slowness = new WeakMap<Clock, number>();

/**
 * An engine without native code, for models of a few hundred weights. It needs no installation, and its results are the
 * same on every machine, bit for bit.
 */
export const smallEngine: EngineSource = {
  name: 'small',
  provision: () => Promise.resolve(),
  load: ({ clock }) =>
    Promise.resolve(
      hostEngine(
        {
          ...{ name: 'small', version: '1', device: 'plain loops', memoryBytes: 2 ** 30 },
          open: (model) =>
            new SmallNetwork(model, {
              isFaulty: () => faulty.has(clock),
              milliseconds: () => slowness.get(clock) ?? 0,
              sleep: (milliseconds) => clock.sleep(milliseconds),
            }),
        },
        clock,
      ),
    ),
};
