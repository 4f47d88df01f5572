import { wrapperOf } from '@prunegrid/core/node/wrapper';
import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';

import { interruptionOf, type SignalSource } from './interruption.js';

function started(variables: Record<string, string>) {
  const process = { ppid: 77 };
  let look: () => void = () => undefined;
  let looking = 0;
  const every = (_milliseconds: number, action: () => void) => {
    look = action;
    looking += 1;
    return { cancel: () => void (looking -= 1) };
  };
  const wrapper = wrapperOf(variables, process, { every });
  const interruption = interruptionOf(new EventEmitter() as unknown as SignalSource, 'resume it', false, wrapper);
  return { process, interruption, look: () => look(), looking: () => looking };
}

it('ends gracefully when the npm that it was started by has ended', () => {
  const { process, interruption, look, looking } = started({ npm_command: 'exec' });
  interruption.listen();
  look();
  expect(interruption.signal.aborted).toBe(false);
  process.ppid = 1;
  look();
  expect(interruption.signal.reason).toMatchObject({
    kind: 'interrupted',
    message: expect.stringMatching(/^npm.*resume it$/),
  });
  expect(looking()).toBe(0);
});

it('goes on without its parent if that was not npm', () => {
  for (const variables of [{}, { npm_command: '' }]) {
    const { interruption, looking } = started(variables);
    interruption.listen();
    expect(looking()).toBe(0);
  }
});

it('looks no more after the work', () => {
  const { interruption, looking } = started({ npm_command: 'exec' });
  interruption.listen();
  interruption.ignore();
  expect(looking()).toBe(0);
});
