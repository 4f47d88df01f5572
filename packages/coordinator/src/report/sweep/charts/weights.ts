import { grouped } from '@prunegrid/core/text/figures';
import type { ReportData } from '../data.js';
import type { LayerHistogram } from '../histograms.js';
import { axis, colorOf, drawing, faint, type Figure, padded, spaced } from './figure.js';
import { sparsity, sparsityAxis } from './scales.js';

/** Draws what each layer keeps over the compression ratio, in the best cell of each ratio. */
export function keptFigure({ best }: Pick<ReportData, 'best'>): Figure | null {
  const names = best[0]?.layers.map(({ name }) => name) ?? [];
  if (names.length === 0) return null;
  const ratios = best.map(({ layers }) => total(layers, 'weights') / total(layers, 'kept'));
  const lines = names.map((name) =>
    best.flatMap(({ layers }, i) => {
      const layer = layers.find((other) => other.name === name);
      return layer && layer.kept > 0 ? [[sparsity(ratios[i]), Math.log10(layer.kept / layer.weights)]] : [];
    }),
  );
  const range = padded(
    lines.flat().map(([, share]) => share),
    0.08,
    0.1,
  );
  const svg = drawing(
    {
      grid: { left: 84, right: 28, top: 20, bottom: 56 },
      xAxis: sparsityAxis(ratios),
      yAxis: axis({
        title: 'weights kept',
        range,
        ticks: spaced(
          [-4, -3, -2, -1, 0].flatMap((power) => [1, 2, 5].map((digit) => Math.log10(digit) + power)),
          range,
          0.06,
        ),
        label: (tick) => `${Number((100 * 10 ** tick).toPrecision(1))} %`,
        gap: 58,
      }),
      series: lines.map((data, index) => ({
        type: 'line',
        symbol: 'circle',
        symbolSize: 7,
        color: colorOf(index),
        lineStyle: { width: 2 },
        data,
      })),
    },
    920,
    380,
  );
  return {
    title: 'What each layer keeps',
    caption:
      'Share of each layer’s weights that are not zero, in the best configuration of each sparsity; biases are neither pruned nor counted.',
    legend: names.map((name, index) => ({ name, color: colorOf(index), mark: 'line' })),
    panels: [{ svg }],
  };
}

const total = (layers: readonly { weights: number; kept: number }[], what: 'weights' | 'kept'): number =>
  layers.reduce((sum, layer) => sum + layer[what], 0);

/** Draws the distribution of the weights of each layer before and after pruning. */
export function histogramsFigure({ histograms }: Pick<ReportData, 'histograms'>): Figure | null {
  if (!histograms) return null;
  return {
    title: `Weights before and after, trial ${histograms.trial}`,
    caption:
      'How many weights have which value: in the dense network, and in the pruned one after retraining, whose zeros are left out. The axis of the counts is logarithmic.',
    legend: [
      { name: 'dense', color: faint, mark: 'area' },
      { name: 'pruned, without zeros', color: colorOf(1), mark: 'line' },
    ],
    panels: histograms.layers.map((layer) => ({
      title: `${layer.layer}: ${grouped(layer.weights)} weights, ${grouped(layer.kept)} kept`,
      svg: histogram(layer),
    })),
  };
}

function histogram({ centers, before, after }: LayerHistogram): string {
  const most = Math.log10(Math.max(...before, ...after, 1));
  const edge = Math.abs(centers[0]);
  // Returns three to seven round values, including zero.
  const step = [-6, -5, -4, -3, -2, -1, 0, 1, 2]
    .flatMap((power) => [1, 2, 5].map((digit) => digit * 10 ** power))
    .find((one) => edge / one <= 3.5);
  const ticks = step === undefined ? [0] : [-3, -2, -1, 0, 1, 2, 3].map((times) => times * step);
  const series = (counts: readonly number[], color: string, area: boolean) => ({
    type: 'line',
    step: 'middle',
    symbol: 'none',
    color,
    lineStyle: { width: area ? 0 : 1.8 },
    ...(area && { areaStyle: { color, opacity: 0.45 } }),
    // The axis is logarithmic. An empty bin is drawn at zero, and a bin with one weight is visible above it.
    data: counts.map((count, bin) => [centers[bin], count > 0 ? Math.log10(count) + Math.log10(2) : 0]),
  });
  const range: [number, number] = [-edge * 1.02, edge * 1.02];
  return drawing(
    {
      grid: { left: 66, right: 16, top: 12, bottom: 50 },
      xAxis: axis({
        title: 'value of the weight',
        range,
        ticks: spaced(
          [...ticks, ...ticks.map((tick) => -tick)].sort((a, b) => a - b),
          range,
          0.12,
        ),
        label: (tick) => String(Number(tick.toPrecision(2))),
        gap: 30,
      }),
      yAxis: axis({
        title: 'weights',
        range: [0, (most + Math.log10(2)) * 1.05],
        ticks: [1, 10, 100, 1000, 10_000, 100_000, 1e6, 1e7]
          .filter((count) => Math.log10(count) <= most)
          .map((count) => Math.log10(count) + Math.log10(2)),
        label: (tick) => grouped(10 ** (tick - Math.log10(2))),
        gap: 46,
      }),
      series: [series(before, faint, true), series(after, colorOf(1), false)],
    },
    450,
    280,
  );
}
