import type { FromTrainer } from '@prunegrid/proto';

type Case = NonNullable<FromTrainer['body']>['$case'];

/** State of the protocol with a trainer, as the coordinator sees it. */
export type TrainerState =
  /** The trainer has connected and must send Hello. */
  | { name: 'greeting' }
  /** The trainer loads the workload and must then send Ready. */
  | { name: 'loading' }
  /** The trainer has been admitted and holds no lease. */
  | { name: 'idle' }
  /** The trainer belongs to a TrainerGroup. */
  | { name: 'leased'; generation: number }
  /** The trainer's stream has ended. */
  | { name: 'gone' };

/** Messages that a leased trainer may send. The TrainerGroup knows which of them is expected. */
const LEASED: ReadonlySet<Case> = new Set<Case>([
  ...(['chunk', 'progress', 'trained', 'evaluated', 'rendezvousAddress', 'rendezvousResult', 'gradientHash'] as const),
]);

/** Returns the state after a message of the trainer, or undefined if the message is not allowed in `state`. */
export function afterMessage(state: TrainerState, $case: Case): TrainerState | undefined {
  // A trainer may report a failure at any time. It then leaves, or it waits for the end of its lease.
  if ($case === 'trainerFailure') return state;
  if ($case === 'leaving') return state.name === 'greeting' || state.name === 'loading' ? undefined : state;
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

/** Returns the state of a trainer after a lease was sent to it. Throws RangeError unless the trainer is idle. */
export function afterLease(state: TrainerState, generation: number): TrainerState {
  if (state.name !== 'idle') throw new RangeError(`a trainer that is ${state.name} cannot be leased`);
  return { name: 'leased', generation };
}
