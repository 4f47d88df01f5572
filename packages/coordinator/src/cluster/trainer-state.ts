import type { FromTrainer } from '@prunegrid/proto';

type Case = NonNullable<FromTrainer['body']>['$case'];

/** How far the conversation with a trainer has come, as the coordinator sees it. */
export type TrainerState =
  /** It has connected; Hello is due. */
  | { name: 'greeting' }
  /** It has been told the workload, which it loads; Ready is due. */
  | { name: 'loading' }
  /** It has been admitted, or has let go of its last lease. */
  | { name: 'idle' }
  /** It belongs to a TrainerGroup. */
  | { name: 'leased'; generation: number }
  /** Its stream is over. */
  | { name: 'gone' };

/** What a trainer may send while it is leased. Which of them is due, the TrainerGroup knows. */
const LEASED: ReadonlySet<Case> = new Set<Case>([
  ...(['chunk', 'progress', 'trained', 'evaluated', 'rendezvousAddress', 'rendezvousResult'] as const),
]);

/** The state that a message of the trainer leads to; undefined if the message is not due. */
export function afterMessage(state: TrainerState, $case: Case): TrainerState | undefined {
  // It may say at any time why it cannot go on; then it leaves, or waits for the end of its lease.
  if ($case === 'trainerFailure') return state;
  switch (state.name) {
    case 'greeting':
      return $case === 'hello' ? { name: 'loading' } : undefined;
    case 'loading':
      return $case === 'ready' ? { name: 'idle' } : undefined;
    case 'leased':
      if ($case === 'released') return { name: 'idle' };
      return LEASED.has($case) ? state : undefined;
    case 'idle':
    case 'gone':
      return undefined;
  }
}

/** The state of a trainer that is told a lease. Throws RangeError unless it is idle. */
export function afterLease(state: TrainerState, generation: number): TrainerState {
  if (state.name !== 'idle') throw new RangeError(`a trainer that is ${state.name} cannot be leased`);
  return { name: 'leased', generation };
}
