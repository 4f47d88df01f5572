import type { ModelEvaluation } from '../api/evaluate.js';
import type { LayerCount, LayerResult, RunResult } from '@prunegrid/coordinator/training/records';
import { columns } from '@prunegrid/core/text/columns';
import { counted, duration, grouped, percent, ratio, roughPercent, significant } from '@prunegrid/core/text/figures';
import { wrapped } from '@prunegrid/core/text/wrapping';
import { type DataOfRun, paperNetwork, type PaperNetwork } from '@prunegrid/coordinator/report/paper';

/** Columns that long lines are broken to. */
const WIDTH = 75;

/**
 * The paper's table with ours beside it, layer by layer, then accuracies, epochs and where the files are. Plain text of
 * 75 columns at most for networks of the paper, without a newline at the end. `-` stands for what the paper does not give.
 * @param data what the run was trained on: the paper's figures are shown beside those on the same data
 * @param folder the run's, as the user should read it
 */
export function renderComparison(result: RunResult, data: DataOfRun, folder: string): string {
  const paper = paperNetwork(result.layers, data);
  return [
    ...(paper === undefined ? [] : [`${paper.title}: the paper (Zhang et al., ECCV 2018) and this run`, '']),
    ...columns(weightRows(result, paper)),
    '',
    ...computationTable(result),
    ...columns(accuracyRows(result, paper)),
    '',
    `${counted(result.epochs, 'epoch')} in ${duration(result.seconds)}${paper?.epochs === undefined ? '' : `; the authors took about ${paper.epochs} epochs`}`,
    ...bytesLine(result.total),
    ...(result.warnings ?? []).flatMap((warning) => ['', ...wrapped(warning, WIDTH)]),
    ...(result.warnings ? [''] : []),
    `Files: ${folder}`,
    ...files.map(([file, what]) => `  ${file.padEnd(28)}  ${what}`),
  ].join('\n');
}

/** What a model file holds and how good it is. Plain text of 75 columns at most, without a newline at the end. */
export function renderEvaluation(evaluation: ModelEvaluation): string {
  const { file, layers, total, testAccuracy, testImages, validationAccuracy, validationImages } = evaluation;
  const { testTop5, validationTop5, testLoss, validationLoss } = evaluation;
  const row = (name: string, { weights, kept }: Omit<LayerCount, 'name'>): string[] => [
    name,
    grouped(weights),
    grouped(kept),
    roughPercent(kept / weights),
  ];
  return [
    file,
    '',
    ...columns([
      ['layer', 'weights', 'non-zero', '%'],
      null,
      ...layers.map((layer) => row(layer.name, layer)),
      null,
      row('total', total),
      ['compression', '', ratio(total.weights, total.kept), ''],
    ]),
    ...bytesLine(total),
    '',
    ...computationTable(evaluation),
    ...(Number.isNaN(testAccuracy)
      ? []
      : [
          `test accuracy      ${percent(testAccuracy)} of ${counted(testImages, 'image')}`,
          `held-out accuracy  ${percent(validationAccuracy)} of ${counted(validationImages, 'image')}`,
        ]),
    ...(testLoss === undefined ? [] : [`test loss          ${significant(testLoss)}`]),
    ...(validationLoss === undefined ? [] : [`held-out loss      ${significant(validationLoss)}`]),
    ...(testTop5 === undefined ? [] : [`test top-5         ${percent(testTop5)}`]),
    ...(validationTop5 === undefined ? [] : [`held-out top-5     ${percent(validationTop5)}`]),
  ].join('\n');
}

/** What the network takes on the disk: the paper counts weights alone, and sparse ones need their positions, too. */
function bytesLine({ compactBytes }: RunResult['total']): string[] {
  return compactBytes === undefined
    ? []
    : [`${grouped(compactBytes)} bytes with positions and biases, in float16 (prunegrid export)`];
}

const files = [
  ['model.safetensors', 'the pruned weights, dense shapes, zeros in place'],
  ['result.json', 'the figures above'],
  ['manifest.json', 'what was run, on what, with which versions'],
  ['journal.jsonl, metrics.jsonl', 'all that happened, and its numbers'],
  ['checkpoints/', 'weights at the end of each phase'],
] as const;

function weightRows({ layers, total }: RunResult, paper: PaperNetwork | undefined): (string[] | null)[] {
  const beside = (...cells: string[]): string[] => (paper === undefined ? [] : cells);
  const row = (
    name: string,
    ours: Omit<LayerCount, 'name'>,
    theirKept: number | undefined,
    theirShare: number | undefined,
  ): string[] => [
    name,
    grouped(ours.weights),
    ...beside(
      theirKept === undefined ? '-' : grouped(theirKept),
      theirShare === undefined ? '-' : roughPercent(theirShare),
    ),
    grouped(ours.kept),
    roughPercent(ours.kept / ours.weights),
  ];
  return [
    paper === undefined
      ? ['layer', 'weights', 'kept', '%']
      : ['layer', 'weights', 'paper kept', 'paper %', 'ours kept', 'ours %'],
    null,
    ...layers.map((layer) => {
      const kept = paper?.layers.find(({ name }) => name === layer.name)?.kept;
      return row(layer.name, layer, kept, kept === undefined ? undefined : kept / layer.weights);
    }),
    null,
    row('total', total, paper?.total.kept, paper && 1 / paper.total.ratio),
    ['compression', '', ...beside('', `${paper?.total.ratio}x`), '', ratio(total.weights, total.kept)],
  ];
}

/** Returns what the layers compute for one example, and an empty line below; nothing if that is not known. */
function computationTable({ layers, total }: Pick<RunResult, 'layers' | 'total'>): string[] {
  const all = total.multiplyAccumulates;
  if (!all) return [];
  const row = (name: string, { dense, pruned }: NonNullable<LayerResult['multiplyAccumulates']>): string[] => [
    name,
    grouped(dense),
    grouped(pruned),
    dense === 0 ? '-' : roughPercent(pruned / dense),
  ];
  const ofLayers = layers.flatMap(({ name, multiplyAccumulates }) =>
    multiplyAccumulates ? [{ name, multiplyAccumulates }] : [],
  );
  const other = ofLayers.reduce((left, { multiplyAccumulates }) => left - multiplyAccumulates.dense, all.dense);
  return [
    ...columns([
      ['multiply-accumulates', 'dense', 'pruned', '%'],
      null,
      ...ofLayers.map((layer) => row(layer.name, layer.multiplyAccumulates)),
      ...(other > 0 ? [row('without weights', { dense: other, pruned: other })] : []),
      null,
      row('total', all),
      ['reduction', '', ratio(all.dense, all.pruned), ''],
    ]),
    '',
  ];
}

/** The losses of a network without classes, and its own metrics. */
function lossRows({
  dense,
  hardPruned,
  final,
}: Pick<RunResult, 'dense' | 'hardPruned' | 'final'>): (string[] | null)[] {
  const row = (stage: string, test: number | undefined, heldOut: number | undefined): string[] => [
    stage,
    test === undefined ? '-' : significant(test),
    heldOut === undefined ? '-' : significant(heldOut),
  ];
  return [
    ['loss', 'test', 'held out'],
    null,
    row('dense', dense.testLoss, dense.validationLoss),
    row('straight after pruning', hardPruned.testLoss, hardPruned.validationLoss),
    row('final, after retraining', final.testLoss, final.validationLoss),
    ...Object.keys(final.testMetrics ?? {}).map((name) =>
      row(`final, ${name}`, final.testMetrics?.[name], final.validationMetrics?.[name]),
    ),
  ];
}

function accuracyRows({ dense, hardPruned, final }: RunResult, paper: PaperNetwork | undefined): (string[] | null)[] {
  const row = (stage: string, theirs: number | undefined, ours: RunResult['final']): string[] => [
    stage,
    ...(paper === undefined ? [] : [theirs === undefined ? '-' : `${Number((theirs * 100).toFixed(1))} %`]),
    percent(ours.testAccuracy),
    percent(ours.validationAccuracy),
  ];
  if (Number.isNaN(final.testAccuracy)) return lossRows({ dense, hardPruned, final });
  const top5Row = (stage: string, theirs: number | undefined, ours: RunResult['final']): string[][] => {
    const { testTop5: testAccuracy, validationTop5: validationAccuracy } = ours;
    if (testAccuracy === undefined || validationAccuracy === undefined) return [];
    return [row(stage, theirs, { testAccuracy, validationAccuracy })];
  };
  const top1 = paper?.accuracy === 'top-1' ? paper : undefined;
  return [
    paper === undefined
      ? ['accuracy', 'test', 'held out']
      : ['accuracy', 'paper, test', 'ours, test', 'ours, held out'],
    null,
    row('dense', top1?.denseAccuracy, dense),
    row('straight after pruning', undefined, hardPruned),
    row('final, after retraining', top1?.finalAccuracy, final),
    ...(paper?.accuracy === 'top-1'
      ? []
      : [
          ...top5Row('dense, top-5', paper?.denseAccuracy, dense),
          ...top5Row('final, top-5', paper?.finalAccuracy, final),
        ]),
  ];
}
