import { epochsOf } from '@prunegrid/coordinator/experiment/epochs';
import type { PhaseName, Spec } from '@prunegrid/coordinator/experiment/spec';
import type { Evaluation, LayerResiduals, RunEvent, RunManifest } from '@prunegrid/coordinator/training/records';
import {
  counted,
  duration,
  grouped,
  percent,
  ratio,
  roughPercent,
  significant,
  wholePercent,
} from '@prunegrid/core/text/figures';
import { methods } from '@prunegrid/coordinator/training/methods';
import { totalOf } from '@prunegrid/coordinator/training/layers';
import { modelTitle } from '@prunegrid/trainer/models';
import { basename } from 'node:path';
import type { RunView } from './run-view.js';

/** Returns the title of a phase: that of the method for `prune`, if the spec is known, otherwise the phase's own name. */
export const titleOf = (phase: PhaseName, spec: Spec | null): string =>
  phase === 'prune' && spec ? (methods.find(spec.method)?.title ?? spec.method) : phase;

/** A line that stays. A `milestone` is on every screen, a `detail` only on those that have no bars to show it. */
export type Line = { kind: 'milestone' | 'detail'; text: string };

const stages = { dense: 'dense', hardPruned: 'hard-pruned, before retraining', final: 'final' } as const;

/** Returns the lines for an event that the view has already taken in. */
export function linesOf(event: RunEvent, view: RunView, time: number): Line[] {
  const line = lineOf(event, view, time);
  const { examples, origin } = event.type === 'run-started' ? event.manifest.dataset : {};
  return [...(line ? [line] : []), ...(examples ? [milestone(partsLine(examples, origin))] : [])];
}

function lineOf(event: RunEvent, view: RunView, time: number): Line | null {
  switch (event.type) {
    case 'run-started': {
      const { spec, seed, engine, device } = event.manifest;
      const epochs = Object.values(epochsOf(spec)).reduce((sum, count) => sum + count, 0);
      return milestone(
        `${spec.name}: ${modelTitle(spec.model)} on ${basename(spec.dataset.name)}, seed ${seed}, ${counted(epochs, 'epoch')}; ${engine} on ${device}`,
      );
    }
    case 'run-resumed':
      return milestone(`resumes in ${titleOf(event.phase, view.spec)}, after ${counted(event.totalEpochs, 'epoch')}`);
    case 'trainer-joined':
      return milestone(
        `trainer ${event.trainer} joined: ${event.engine} on ${event.device}, process ${event.pid} on ${event.host}`,
      );
    case 'phase-started':
      return detail(
        `${titleOf(event.phase, view.spec)}: ${counted(event.epochs, 'epoch')} of ${counted(event.stepsPerEpoch, 'step')}`,
      );
    case 'epoch-finished':
      return detail(
        [
          `${titleOf(event.phase, view.spec)} epoch ${event.epoch}/${view.phase?.epochs ?? '?'}`,
          `loss ${significant(event.trainLoss)}`,
          ...(Number.isNaN(event.trainAccuracy) ? [] : [`accuracy ${percent(event.trainAccuracy)}`]),
          `held out ${scoreText(event.validation)}`,
          `${grouped(event.imagesPerSecond)} images/s`,
          ...whole(view),
        ].join(', '),
      );
    case 'admm-iteration':
      return detail(
        `ADMM iteration ${event.iteration}/${view.spec?.admm.iterations ?? '?'}: ${residualParts(event.layers).join(', ')}`,
      );
    case 'admm-stopped-early':
      return milestone(
        `ADMM stops early after iteration ${event.iteration}: residuals are small and the support is stable`,
      );
    case 'admm-not-converged':
      return milestone(event.message);
    case 'mask-tightened': {
      const { weights, kept } = totalOf(event.layers);
      return detail(
        `gradual pruning to ${grouped(kept)} of ${grouped(weights)} weights, compression ${ratio(weights, kept)}`,
      );
    }
    case 'hard-pruned': {
      const { weights, kept } = totalOf(event.layers);
      return milestone(
        `${afterPhase(view, time) ?? 'hard-pruned'}: pruned to ${grouped(kept)} of ${grouped(weights)} weights, compression ${ratio(weights, kept)}`,
      );
    }
    case 'evaluated': {
      const what = event.stage === 'hardPruned' ? null : afterPhase(view, time);
      const accuracies = `${scoreText(event.test)} on the test set, ${scoreText(event.validation)} held out`;
      return milestone(`${what ?? stages[event.stage]}: ${accuracies}`);
    }
    case 'dead-units':
      return milestone(
        `layer ${event.layer}: ${event.units} of ${counted(event.of, 'unit')} are dead, no weight leads in or none out`,
      );
    case 'dense-reused':
      return milestone(`dense: its weights were there already, trained by run ${event.runId}`);
    case 'chain-continued':
      return milestone(`prunes on where run ${event.runId} has ended`);
    case 'checkpoint':
    case 'dense-finished':
    case 'run-stopped':
    case 'run-finished':
    case 'run-failed':
      return null;
  }
}

/** Returns the accuracy, or the loss if there are no classes, and the metrics of the spec. */
const scoreText = ({ accuracy, loss, metrics = {} }: Evaluation): string =>
  [
    Number.isNaN(accuracy) ? `loss ${significant(loss)}` : percent(accuracy),
    ...Object.entries(metrics).map(([name, value]) => `${name} ${significant(value)}`),
  ].join(' ');

/** Returns how far the run has come within an epoch. */
export function progressLine(view: RunView): string {
  const { phase, live, spec } = view;
  const title =
    phase && `${titleOf(phase.name, spec)} epoch ${Math.ceil(phase.step / phase.stepsPerEpoch)}/${phase.epochs}`;
  const figures = live && [
    `loss ${significant(live.loss)}`,
    ...(Number.isNaN(live.accuracy) ? [] : [`accuracy ${percent(live.accuracy)}`]),
  ];
  const speed = live?.imagesPerSecond === undefined ? [] : [`${grouped(live.imagesPerSecond)} images/s`];
  return [...(title ? [`${title} under way`] : []), ...(figures ?? []), ...speed, ...whole(view)].join(', ');
}

type Data = RunManifest['dataset'];

/** `data: 1,257 train, 180 held out (last of 1,437), 360 test (own part)` */
function partsLine({ training, validation, test }: NonNullable<Data['examples']>, origin: Data['origin']): string {
  const from = (part: 'validation' | 'test') => (origin ? ` (${origin[part]})` : '');
  return `data: ${grouped(training)} train, ${grouped(validation)} held out${from('validation')}, ${grouped(test)} test${from('test')}`;
}

/**
 * Returns the largest primal residual as a share of ||W||, the largest dual residual and the largest change of the
 * support, each with its layer.
 */
export function residualParts(layers: readonly LayerResiduals[]): string[] {
  const largest = (name: string, of: (layer: LayerResiduals) => number, show: (value: number) => string): string[] => {
    const [first, ...rest] = layers;
    if (first === undefined) return [];
    const worst = rest.reduce((max, layer) => (of(layer) > of(max) ? layer : max), first);
    return [`${name} ${show(of(worst))} (${worst.layer})`];
  };
  return [
    ...largest('primal', ({ primal, weightNorm }) => (primal === 0 ? 0 : primal / weightNorm), roughPercent),
    ...largest('dual', ({ dual }) => dual, significant),
    ...largest('support change', ({ supportChange }) => supportChange, roughPercent),
  ];
}

const milestone = (text: string): Line => ({ kind: 'milestone', text });
const detail = (text: string): Line => ({ kind: 'detail', text });

/** Returns what a phase took, such as `dense, 6 epochs in 2:10`, or null if there is none. */
function afterPhase({ phase, spec }: RunView, time: number): string | null {
  if (phase === null) return null;
  const epochs = Math.round(phase.step / phase.stepsPerEpoch);
  return `${titleOf(phase.name, spec)}, ${counted(epochs, 'epoch')} in ${duration((time - phase.startedAt) / 1000)}`;
}

/** Returns how far the whole run has come, and how long it will take if that is known. */
function whole(view: RunView): string[] {
  const left = view.secondsLeft();
  return [`${wholePercent(view.share)} done`, ...(left === null ? [] : [`${duration(left)} left`])];
}
