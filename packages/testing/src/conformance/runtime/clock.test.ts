import { nodeHost } from '@prunegrid/core/node';

import { VirtualClock } from '../../clock/virtual-clock.js';
import { describeClock } from './clock.js';

describeClock("Node's", () => ({ clock: nodeHost.clock, run: (program) => program() }));
describeClock('virtual', () => {
  const clock = new VirtualClock();
  return { clock, run: (program) => clock.run(program) };
});
