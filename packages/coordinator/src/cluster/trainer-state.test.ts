import { expect, it } from 'vitest';

import { afterLease, afterMessage, type TrainerState } from './trainer-state.js';

const messages = [
  ...['hello', 'ready', 'chunk', 'progress', 'trained', 'evaluated', 'rendezvousAddress', 'rendezvousResult'],
  ...['released', 'trainerFailure'],
] as Parameters<typeof afterMessage>[1][];
const leased: TrainerState = { name: 'leased', generation: 3 };

it.each([
  [{ name: 'greeting' }, { hello: 'loading' }],
  [{ name: 'loading' }, { ready: 'idle' }],
  [{ name: 'idle' }, {}],
  [
    leased,
    {
      ...{ chunk: 'leased', progress: 'leased', trained: 'leased', evaluated: 'leased' },
      ...{ rendezvousAddress: 'leased', rendezvousResult: 'leased', released: 'idle' },
    },
  ],
  [{ name: 'gone' }, {}],
] as [TrainerState, Record<string, string>][])(
  'hears from a trainer in %j what is due and nothing else',
  (state, due) => {
    const heard = messages.flatMap(($case) => {
      const next = afterMessage(state, $case);
      return next ? [[$case, next.name]] : [];
    });
    expect(Object.fromEntries(heard)).toEqual({ ...due, trainerFailure: state.name });
  },
);

it('leases a trainer that is idle, and no other', () => {
  expect(afterLease({ name: 'idle' }, 3)).toEqual(leased);
  for (const state of [leased, { name: 'loading' }, { name: 'gone' }] as const) {
    expect(() => afterLease(state, 4)).toThrow(RangeError);
  }
});
