import type { LayerCount, RunResult } from '@prunegrid/coordinator/training/records';
import { columns } from '@prunegrid/core/text/columns';
import { counted, duration, grouped, percent, ratio, roughPercent } from '@prunegrid/core/text/figures';
import { paperNetwork, type PaperNetwork } from '@prunegrid/coordinator/report/paper';

/**
 * The paper's table with ours beside it, layer by layer, then accuracies, epochs and where the files lie. Plain text of
 * 75 columns at most, without a newline at the end. What the paper does not give is `-`.
 * @param folder the run's, as the user should read it
 */
export function renderComparison(result: RunResult, folder: string): string {
  const paper = paperNetwork(result.layers);
  return [
    ...(paper === undefined ? [] : [`${paper.title}: the paper (Zhang et al., ECCV 2018) and this run`, '']),
    ...columns(weightRows(result, paper)),
    '',
    ...columns(accuracyRows(result, paper)),
    '',
    `${counted(result.epochs, 'epoch')} in ${duration(result.seconds)}${paper?.epochs === undefined ? '' : `; the authors took about ${paper.epochs} epochs`}`,
    `Files: ${folder}`,
    ...files.map(([file, what]) => `  ${file.padEnd(28)}  ${what}`),
  ].join('\n');
}

/** What a model file holds and how good it is: 75 columns at most, without a newline at the end. */
export function renderCounts(counted: {
  file: string;
  testAccuracy: number;
  validationAccuracy: number;
  layers: LayerCount[];
  total: RunResult['total'];
}): string {
  const row = (name: string, { weights, kept }: Omit<LayerCount, 'name'>): string[] => [
    name,
    grouped(weights),
    grouped(kept),
    roughPercent(kept / weights),
  ];
  return [
    counted.file,
    '',
    ...columns([
      ['layer', 'weights', 'non-zero', '%'],
      null,
      ...counted.layers.map((layer) => row(layer.name, layer)),
      null,
      row('total', counted.total),
      ['times fewer', '', ratio(counted.total.weights, counted.total.kept), ''],
    ]),
    '',
    `accuracy: test ${percent(counted.testAccuracy)}, held out ${percent(counted.validationAccuracy)}`,
  ].join('\n');
}

const files = [
  ['model.safetensors', 'the pruned weights, dense shapes, zeros in place'],
  ['result.json', 'the figures above'],
  ['manifest.json', 'what was run, on what, with which versions'],
  ['journal.jsonl, metrics.jsonl', 'all that happened, and its numbers'],
  ['checkpoints/', 'weights at the end of each phase'],
] as const;

function weightRows({ layers, total }: RunResult, paper: PaperNetwork | undefined): (string[] | null)[] {
  const row = (
    name: string,
    ours: Omit<LayerCount, 'name'>,
    theirKept: number | undefined,
    theirShare: number | undefined,
  ): string[] => [
    name,
    grouped(ours.weights),
    theirKept === undefined ? '-' : grouped(theirKept),
    theirShare === undefined ? '-' : roughPercent(theirShare),
    grouped(ours.kept),
    roughPercent(ours.kept / ours.weights),
  ];
  return [
    ['layer', 'weights', 'paper kept', 'paper %', 'ours kept', 'ours %'],
    null,
    ...layers.map((layer) => {
      const kept = paper?.layers.find(({ name }) => name === layer.name)?.kept;
      return row(layer.name, layer, kept, kept === undefined ? undefined : kept / layer.weights);
    }),
    null,
    row('total', total, paper?.total.kept, paper && 1 / paper.total.ratio),
    ['times fewer', '', '', paper === undefined ? '-' : `${paper.total.ratio}x`, '', ratio(total.weights, total.kept)],
  ];
}

function accuracyRows({ dense, hardPruned, final }: RunResult, paper: PaperNetwork | undefined): (string[] | null)[] {
  const row = (stage: string, theirs: number | undefined, ours: RunResult['final']): string[] => [
    stage,
    theirs === undefined ? '-' : `${Number((theirs * 100).toFixed(1))} %`,
    percent(ours.testAccuracy),
    percent(ours.validationAccuracy),
  ];
  return [
    ['accuracy', 'paper, test', 'ours, test', 'ours, held out'],
    null,
    row('dense', paper?.denseAccuracy, dense),
    row('straight after pruning', undefined, hardPruned),
    row('final, after retraining', paper?.finalAccuracy, final),
  ];
}
