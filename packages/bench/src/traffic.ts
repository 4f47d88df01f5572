import type { Traffic } from '@prunegrid/transport/channel';

import type { TrainerGroup } from '@prunegrid/coordinator/cluster';

/** Returns the traffic between the coordinator and the group's trainers so far. */
export function trafficOf({ trainers: members }: TrainerGroup): Traffic {
  const channels = members.map(({ channel }) => channel.traffic);
  return {
    bytes: channels.reduce((sum, { bytes }) => sum + bytes, 0),
    messages: channels.reduce((sum, { messages }) => sum + messages, 0),
  };
}
