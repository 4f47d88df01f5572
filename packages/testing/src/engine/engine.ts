import { type EngineSource, hostEngine } from '@prunegrid/trainer/engines';

import { SmallNetwork } from './network.js';

/** An engine without native code, for models of a few hundred weights: needs no installation, and has the same bits on every machine. */
export const smallEngine: EngineSource = {
  name: 'small',
  provision: () => Promise.resolve(),
  load: ({ clock }) =>
    Promise.resolve(
      hostEngine(
        {
          ...{ name: 'small', version: '1', device: 'plain loops', memoryBytes: 2 ** 30 },
          open: (model) => new SmallNetwork(model),
        },
        clock,
      ),
    ),
};
