import type { FromCoordinator } from '@prunegrid/proto';

import { Failure } from '@prunegrid/core/failure';

type Message = NonNullable<FromCoordinator['body']>;

/** How far the conversation with the coordinator has come, as the trainer sees it. */
export type TrainerState =
  /** Hello has been sent; Workload is due. */
  | { name: 'connecting' }
  /** The workload is loaded, and Ready is sent; Admission is due. */
  | { name: 'loading' }
  /** Waits for a lease. */
  | { name: 'idle' }
  /** Belongs to a group of trainers and has no weights yet. */
  | { name: 'leased'; generation: number }
  /** Has the weights of a phase. */
  | { name: 'in-phase'; generation: number }
  /** Runs the steps of Train. */
  | { name: 'training'; generation: number }
  /** The lease has failed here; nothing but its end is heard. */
  | { name: 'failed'; generation: number }
  /** Refused or dismissed. */
  | { name: 'ended' };

/** A trainer that has been leased. */
export type LeasedState = Extract<TrainerState, { generation: number }>;

/** The state that a message of the coordinator leads to. Throws Failure if the message is not due. */
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
  ...['setPenalty', 'evaluate', 'fetchWeights', 'fetchMoments', 'fetchResiduals'],
]);

/** The steps of Train are done, and Trained has been sent. */
export const afterTraining = ({ generation }: LeasedState): LeasedState => ({ name: 'in-phase', generation });

/** The lease cannot go on here, and the coordinator has been told why. */
export const afterFailure = ({ generation }: LeasedState): LeasedState => ({ name: 'failed', generation });

/** Says that a message is not due. */
export const unexpected = (what: string) =>
  new Failure('trainers', `the coordinator sent ${what} out of turn: are both sides of one version?`);
