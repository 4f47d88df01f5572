import type { FromCoordinator } from '@prunegrid/proto';

import { Failure } from '@prunegrid/core/failure';

type Message = NonNullable<FromCoordinator['body']>;

/** The state of the protocol with the coordinator, as the trainer sees it. */
export type TrainerState =
  /** The trainer has sent Hello and expects Workload. */
  | { name: 'connecting' }
  /** The trainer loads the workload, sends Ready and expects Admission. */
  | { name: 'loading' }
  /** The trainer waits for a lease. */
  | { name: 'idle' }
  /** The trainer belongs to a peer group and has no weights yet. */
  | { name: 'leased'; generation: number }
  /** The trainer has the weights of a phase. */
  | { name: 'in-phase'; generation: number }
  /** The trainer runs the steps of a Train message. */
  | { name: 'training'; generation: number }
  /** The lease has failed on this trainer, which ignores all messages except the end of the lease. */
  | { name: 'failed'; generation: number }
  /** The coordinator has refused or dismissed the trainer. */
  | { name: 'ended' };

/** The states of a trainer that has a lease. */
export type LeasedState = Extract<TrainerState, { generation: number }>;

/**
 * Returns the state after a message of the coordinator. Throws Failure if the message is not allowed in the current
 * state.
 */
export function afterMessage(state: TrainerState, message: Pick<Message, '$case'> & { value?: unknown }): TrainerState {
  const { $case } = message;
  switch (state.name) {
    case 'connecting':
      if ($case === 'workload') return { name: 'loading' };
      if ($case === 'refusal') return { name: 'ended' };
      break;
    case 'loading':
      if ($case === 'admission') return { name: 'idle' };
      if ($case === 'refusal') return { name: 'ended' };
      break;
    case 'idle':
      if ($case === 'lease')
        return { name: 'leased', generation: (message.value as { generation: number }).generation };
      if ($case === 'finish') return { name: 'ended' };
      break;
    case 'leased':
    case 'in-phase':
      if ($case === 'release') return { name: 'idle' };
      if ($case === 'openRendezvous' || $case === 'rendezvous') return state;
      if ($case === 'beginPhase') return { ...state, name: 'in-phase' };
      if (state.name === 'in-phase' && IN_PHASE.has($case)) return state;
      if (state.name === 'in-phase' && $case === 'train') return { ...state, name: 'training' };
      break;
    case 'training':
      if ($case === 'release') return { name: 'idle' };
      if ($case === 'grantCredits' || $case === 'halt' || $case === 'chunk') return state;
      break;
    case 'failed':
      return $case === 'release' ? { name: 'idle' } : state;
    case 'ended':
      break;
  }
  throw unexpected($case);
}

const IN_PHASE: ReadonlySet<string> = new Set([
  ...['setPenalty', 'hashGradient', 'evaluate', 'fetchWeights', 'fetchMoments', 'fetchResiduals'],
]);

/** Returns the state after the steps of a Train message are done and Trained has been sent. */
export const afterTraining = ({ generation }: LeasedState): LeasedState => ({ name: 'in-phase', generation });

/** Returns the state after the lease has failed here and the failure has been reported to the coordinator. */
export const afterFailure = ({ generation }: LeasedState): LeasedState => ({ name: 'failed', generation });

/** Returns the Failure for a message that is not allowed in the current state. */
export const unexpected = (what: string) =>
  new Failure('trainers', `the coordinator sent ${what} out of turn: are both sides of one version?`);
