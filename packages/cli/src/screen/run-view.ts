import { epochsOf } from '@prunegrid/coordinator/experiment/epochs';
import type { PhaseName, Spec } from '@prunegrid/coordinator/experiment/spec';
import { Pace } from '@prunegrid/coordinator/training/pace';
import type { LayerResiduals, RunEvent } from '@prunegrid/coordinator/training/records';
import type { Progress } from '../api/run.js';

export interface PhaseView {
  name: PhaseName;
  epochs: number;
  stepsPerEpoch: number;
  /** The number of steps done. */
  step: number;
  startedAt: number;
}

/** Epochs over which the speed is averaged: enough to even out evaluations, few enough to follow a change of load. */
const PACE_EPOCHS = 2;

/** What can be said about a run at this moment. It knows only what it is told. Times are in Unix milliseconds. */
export class RunView {
  spec: Spec | null = null;
  phase: PhaseView | null = null;
  live: Pick<Progress, 'loss' | 'accuracy' | 'imagesPerSecond'> | null = null;
  /** The residuals of the latest ADMM iteration. */
  residuals: { iteration: number; layers: readonly LayerResiduals[] } | null = null;
  /** The share of the whole run that is done, from 0 to 1. */
  share = 0;
  #epochsAhead: Partial<Record<PhaseName, number>> = {};
  /** Seconds per epoch, evaluations included. A new phase begins with the pace of the one before. */
  readonly #pace = new Pace(PACE_EPOCHS);
  /** The step and the time up to which the pace has been measured. */
  #measured = { step: 0, time: 0 };
  /** Whether no step of this phase has been seen yet in this process. */
  #starting = true;

  event(event: RunEvent, time: number): void {
    switch (event.type) {
      case 'run-started':
        this.spec = event.manifest.spec;
        this.#epochsAhead = epochsOf(this.spec);
        break;
      case 'phase-started': {
        const { phase: name, epochs, stepsPerEpoch } = event;
        delete this.#epochsAhead[name];
        this.phase = { name, epochs, stepsPerEpoch, step: 0, startedAt: time };
        this.live = null;
        this.#start(0, time);
        break;
      }
      case 'epoch-finished': {
        const { trainLoss: loss, trainAccuracy: accuracy, imagesPerSecond } = event;
        this.live = { imagesPerSecond, ...this.live, loss, accuracy };
        if (this.phase === null) break;
        this.#advance(this.phase, event.epoch * this.phase.stepsPerEpoch, time);
        this.share = event.totalEpochs / (event.totalEpochs + this.#epochsLeft(this.phase));
        break;
      }
      case 'run-resumed':
        if (this.phase === null) break;
        this.phase.step = event.steps;
        this.#start(event.steps, time);
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
    this.live = { loss, accuracy, ...(imagesPerSecond !== undefined && { imagesPerSecond }) };
    // The engine's first steps compile and warm up; they would spoil the estimate for minutes.
    if (this.#starting && progress.step < phase.step + phase.stepsPerEpoch) this.#start(progress.step, time);
    this.#advance(phase, progress.step, time);
    // Not of `totalSteps`: an early stop of ADMM makes the run shorter than that.
    this.share = progress.totalStep / (progress.totalStep + this.#epochsLeft(phase) * phase.stepsPerEpoch);
  }

  /** Seconds to the end of the run, evaluations included, or null as long as no step has been timed. */
  secondsLeft(): number | null {
    // A phase that has not begun is taken to be as fast as this one.
    const secondsPerEpoch = this.#pace.value;
    return this.phase === null || secondsPerEpoch === undefined ? null : this.#epochsLeft(this.phase) * secondsPerEpoch;
  }

  #start(step: number, time: number): void {
    this.#measured = { step, time };
    this.#starting = true;
  }

  #advance(phase: PhaseView, step: number, time: number): void {
    phase.step = Math.min(step, phase.epochs * phase.stepsPerEpoch);
    const { step: from, time: since } = this.#measured;
    this.#pace.add((time - since) / 1000, Math.max(0, phase.step - from) / phase.stepsPerEpoch);
    this.#measured = { step: phase.step, time };
    this.#starting = false;
  }

  #epochsLeft(phase: PhaseView): number {
    const ahead = Object.values(this.#epochsAhead).reduce((sum, epochs) => sum + epochs, 0);
    return ahead + phase.epochs - phase.step / phase.stepsPerEpoch;
  }
}
