import { describe, expect, it } from 'vitest';

import { afterFailure, afterMessage, afterTraining, type LeasedState, type TrainerState } from './state.js';

const all = [
  ...['workload', 'refusal', 'admission', 'lease', 'release', 'finish', 'openRendezvous', 'rendezvous', 'beginPhase'],
  ...['setPenalty', 'train', 'grantCredits', 'halt', 'chunk', 'evaluate', 'fetchWeights', 'fetchMoments'],
  'fetchResiduals',
] as Parameters<typeof afterMessage>[1]['$case'][];
const after = (state: TrainerState, $case: (typeof all)[number]) =>
  afterMessage(state, { $case, value: { generation: 7 } });
const leased = (name: LeasedState['name']): LeasedState => ({ name, generation: 7 });

describe("the trainer's state", () => {
  it('goes from the first connection through a lease to the end', () => {
    let state: TrainerState = { name: 'connecting' };
    const seen = [
      'workload',
      'admission',
      'lease',
      'openRendezvous',
      'rendezvous',
      'beginPhase',
      'setPenalty',
      'train',
    ].map(($case) => (state = after(state, $case as (typeof all)[number])).name);
    expect(seen).toEqual(['loading', 'idle', 'leased', 'leased', 'leased', 'in-phase', 'in-phase', 'training']);
    expect(after(state, 'grantCredits')).toBe(state);
    state = afterTraining(leased('training'));
    expect(state).toEqual(leased('in-phase'));
    expect(after(after(state, 'release'), 'finish')).toEqual({ name: 'ended' });
  });

  const due: Record<TrainerState['name'], string[]> = {
    connecting: ['workload', 'refusal'],
    loading: ['refusal', 'admission'],
    idle: ['lease', 'finish'],
    leased: ['release', 'openRendezvous', 'rendezvous', 'beginPhase'],
    'in-phase': [
      ...['release', 'openRendezvous', 'rendezvous', 'beginPhase', 'setPenalty', 'train', 'evaluate'],
      ...['fetchWeights', 'fetchMoments', 'fetchResiduals'],
    ],
    training: ['release', 'grantCredits', 'halt', 'chunk'],
    failed: all,
    ended: [],
  };

  it.each(Object.keys(due) as TrainerState['name'][])('takes in %s what is due and nothing else', (name) => {
    const state = { name, generation: 7 } as TrainerState;
    const taken = all.filter(($case) => {
      try {
        after(state, $case);
        return true;
      } catch (error) {
        expect((error as Error).message).toBe(
          `the coordinator sent ${$case} out of turn: are both sides of one version?`,
        );
        return false;
      }
    });
    expect(taken.sort()).toEqual([...due[name]].sort());
  });

  it('ends any lease by Release, however it stands', () => {
    for (const name of ['leased', 'in-phase', 'training', 'failed'] as const) {
      expect(after(leased(name), 'release')).toEqual({ name: 'idle' });
    }
    expect(after(afterFailure(leased('training')), 'train')).toEqual(leased('failed'));
  });
});
