import { nodeHost } from '@prunegrid/core/node';
import { nodeTransport } from '@prunegrid/transport/node';

import { VirtualClock } from '../../clock/virtual-clock.js';
import { MemoryNetwork } from '../../network/memory-network.js';
import { describeTransport } from './transport.js';

const addresses = { coordination: ['127.0.0.1:0'], peers: ['127.0.0.1:0', 'unix:'] };

describeTransport("Node's", addresses, () => ({
  transport: nodeTransport(nodeHost),
  clock: nodeHost.clock,
  run: (program) => program(),
}));

describeTransport('in memory', addresses, () => {
  const clock = new VirtualClock();
  return {
    transport: new MemoryNetwork({ clock, seed: 1 }).end('here'),
    clock,
    run: (program) => clock.run(program),
  };
});

describeTransport('in memory with delays', addresses, () => {
  const clock = new VirtualClock();
  return {
    transport: new MemoryNetwork({ clock, seed: 1, delayMs: [1, 20] }).end('here'),
    clock,
    run: (program) => clock.run(program),
  };
});
