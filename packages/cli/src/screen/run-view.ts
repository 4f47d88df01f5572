import { epochsOf } from '@prunegrid/coordinator/experiment/epochs';
import type { PhaseName, Spec } from '@prunegrid/coordinator/experiment/spec';
import type { LayerResiduals, RunEvent } from '@prunegrid/coordinator/training/records';
import type { Progress } from '../api/run.js';

export interface PhaseView {
  name: PhaseName;
  epochs: number;
  stepsPerEpoch: number;
  /** The number of steps done. */
  step: number;
  startedAt: number;
  /** Steps done and when, the oldest first: the speed is measured over them. */
  marks: { step: number; time: number }[];
}

/** Epochs over which the speed is measured: enough to take in evaluations, few enough to follow a change of load. */
const measuredEpochs = 3;

/** What can be said about a run at this moment. Only its events feed it. Times are Unix milliseconds. */
export class RunView {
  spec: Spec | null = null;
  phase: PhaseView | null = null;
  live: Pick<Progress, 'loss' | 'accuracy' | 'imagesPerSecond'> | null = null;
  /** The residuals of the latest ADMM iteration. */
  residuals: { iteration: number; layers: readonly LayerResiduals[] } | null = null;
  /** The share of the whole run that is done, from 0 to 1. */
  share = 0;
  #epochsAhead: Partial<Record<PhaseName, number>> = {};
  /** The seconds that a step of this phase takes, or one of the phase before until a step has been timed. */
  #secondsPerStep: number | null = null;

  event(event: RunEvent, time: number): void {
    switch (event.type) {
      case 'run-started':
        this.spec = event.manifest.spec;
        this.#epochsAhead = epochsOf(this.spec);
        break;
      case 'phase-started': {
        const { phase: name, epochs, stepsPerEpoch } = event;
        delete this.#epochsAhead[name];
        this.phase = { name, epochs, stepsPerEpoch, step: 0, startedAt: time, marks: [{ step: 0, time }] };
        this.live = null;
        break;
      }
      case 'epoch-finished':
        this.live = { loss: event.trainLoss, accuracy: event.trainAccuracy, imagesPerSecond: event.imagesPerSecond };
        if (this.phase === null) break;
        this.#advance(this.phase, event.epoch * this.phase.stepsPerEpoch, time);
        this.phase.marks = [...this.phase.marks, { step: this.phase.step, time }].slice(-measuredEpochs);
        this.share = event.totalEpochs / (event.totalEpochs + this.#epochsLeft(this.phase));
        break;
      case 'run-resumed':
        if (this.phase === null) break;
        this.phase.step = event.steps;
        this.phase.marks = [{ step: event.steps, time }];
        break;
      case 'admm-iteration':
        this.residuals = event;
        break;
      case 'run-finished':
        this.phase = null;
        this.share = 1;
        break;
      default: // Such an event does not say how far the run has come.
    }
  }

  progress(progress: Progress, time: number): void {
    const { phase } = this;
    if (phase === null || progress.phase !== phase.name) return;
    const { loss, accuracy, imagesPerSecond } = progress;
    this.live = { loss, accuracy, imagesPerSecond };
    // The engine's first steps compile and warm up; they would spoil the estimate for minutes.
    if (phase.step === 0 && progress.step < phase.stepsPerEpoch) phase.marks = [{ step: progress.step, time }];
    this.#advance(phase, progress.step, time);
    // Not of `totalSteps`: an early stop of ADMM makes the run shorter than that.
    this.share = progress.totalStep / (progress.totalStep + this.#epochsLeft(phase) * phase.stepsPerEpoch);
  }

  /** Seconds to the end of the run, evaluations included, or null as long as no step has been timed. */
  secondsLeft(): number | null {
    if (this.phase === null || this.#secondsPerStep === null) return null;
    // A phase that has not begun is taken to be as fast as this one.
    return this.#epochsLeft(this.phase) * this.phase.stepsPerEpoch * this.#secondsPerStep;
  }

  #advance(phase: PhaseView, step: number, time: number): void {
    phase.step = Math.min(step, phase.epochs * phase.stepsPerEpoch);
    const [first] = phase.marks;
    if (first !== undefined && phase.step > first.step) {
      this.#secondsPerStep = (time - first.time) / 1000 / (phase.step - first.step);
    }
  }

  #epochsLeft(phase: PhaseView): number {
    const ahead = Object.values(this.#epochsAhead).reduce((sum, epochs) => sum + epochs, 0);
    return ahead + phase.epochs - phase.step / phase.stepsPerEpoch;
  }
}
