import type { LayerResiduals } from '../../../training/records.js';
import { ratio } from '@prunegrid/core/text/figures';
import type { FinishedTrial, ReportData } from '../data.js';
import { axis, colorOf, dashOf, drawing, type Figure, padded, spaced } from './figure.js';

const WIDTH = 450;
const HEIGHT = 300;

/** Returns the relative primal residual `||W - Z|| / ||W||`. */
const primal = ({ primal: residual, weightNorm }: LayerResiduals): number => residual / weightNorm;
/**
 * Returns `||Z - Z before|| / ||W||`: the relative dual residual without the factor rho, which differs between trials.
 */
const change = ({ dual, rho, weightNorm }: LayerResiduals): number => dual / rho / weightNorm;

interface Line {
  values: number[];
  color: string;
  dashed: boolean;
}

function panel(lines: readonly Line[], range: [number, number]): string {
  const longest = Math.max(...lines.map(({ values }) => values.length));
  return drawing(
    {
      grid: { left: 66, right: 16, top: 12, bottom: 50 },
      xAxis: axis({
        title: 'ADMM iteration',
        range: [1, Math.max(2, longest)],
        ticks: spaced(
          Array.from({ length: longest }, (_, i) => i + 1),
          [1, longest],
          0.09,
        ),
        label: String,
        gap: 30,
      }),
      yAxis: axis({
        title: 'share of ||W||',
        range,
        ticks: spaced(
          [-8, -7, -6, -5, -4, -3, -2, -1, 0, 1].flatMap((power) => [power, power + Math.log10(3)]),
          range,
          0.08,
        ),
        label: (tick) => `${Number((100 * 10 ** tick).toPrecision(1))} %`,
        gap: 46,
      }),
      series: lines.map(({ values, color, dashed }) => ({
        type: 'line',
        symbol: 'none',
        color,
        lineStyle: { width: 1.8, type: dashed ? 'dashed' : 'solid' },
        data: values.flatMap((value, i) => (value > 0 ? [[i + 1, Math.log10(value)]] : [])),
      })),
    },
    WIDTH,
    HEIGHT,
  );
}

const rangeOf = (lines: readonly Line[]): [number, number] =>
  padded(
    lines.flatMap(({ values }) => values.filter((value) => value > 0).map(Math.log10)),
    0.06,
    0.1,
  );

/** Draws the residuals of every layer, in a typical trial of the best ADMM cell of each compression ratio. */
export function residualsFigure({ bestByAdmm }: Pick<ReportData, 'bestByAdmm'>): Figure | null {
  const trials = bestByAdmm.filter(({ residuals }) => residuals.length > 0);
  if (trials.length === 0) return null;
  const names = layersOf(trials[0]);
  const linesOf = ({ residuals }: FinishedTrial): Line[] =>
    names.flatMap((name, index) => {
      const own = residuals.flatMap((layers) => layers.find(({ layer }) => layer === name) ?? []);
      return [
        { values: own.map(primal), color: colorOf(index), dashed: false },
        { values: own.map(change), color: colorOf(index), dashed: true },
      ];
    });
  const range = rangeOf(trials.flatMap(linesOf));
  return {
    title: 'Residuals by iteration',
    caption:
      'The best configuration of each sparsity by ADMM, in the trial closest to its mean. Solid: the primal residual, ||W - Z||; dashed: the dual residual divided by rho, ||Z - Z of the iteration before||; both as a share of ||W||.',
    legend: [
      ...names.map((name, index) => ({ name, color: colorOf(index), mark: 'line' as const })),
      { name: 'primal', color: '#555', mark: 'line' },
      { name: 'dual', color: '#555', mark: 'dashed' },
    ],
    panels: trials.map((finished) => ({
      title: `${compressionOf(finished)}, trial ${finished.trial.number}`,
      svg: panel(linesOf(finished), range),
    })),
  };
}

/** Draws the primal residual of every layer on each curve, at one compression ratio. */
export function residualsByCurveFigure({ focus, curves }: Pick<ReportData, 'focus' | 'curves'>): Figure | null {
  const trials = focus.filter(({ finished }) => finished.residuals.length > 0);
  if (trials.length < 2) return null;
  const indexOf = (name: string) => curves.findIndex((curve) => curve.name === name);
  const names = layersOf(trials[0].finished);
  const linesOf = (name: string): Line[] =>
    trials.map(({ curve, finished }) => ({
      values: finished.residuals.flatMap((layers) =>
        layers.filter(({ layer }) => layer === name).map((residuals) => primal(residuals)),
      ),
      color: colorOf(indexOf(curve)),
      dashed: dashOf(indexOf(curve)) === 'dashed',
    }));
  const range = rangeOf(names.flatMap(linesOf));
  return {
    title: `Primal residuals at ${compressionOf(trials[0].finished)}, layer by layer`,
    caption:
      '||W - Z|| as a share of ||W|| by ADMM iteration: how near the weights have come to the pruned ones before they are cut.',
    legend: trials.map(({ curve }) => ({
      name: curve,
      color: colorOf(indexOf(curve)),
      mark: dashOf(indexOf(curve)) === 'solid' ? 'line' : 'dashed',
    })),
    panels: names.map((name) => ({ title: name, svg: panel(linesOf(name), range) })),
  };
}

const layersOf = ({ residuals }: FinishedTrial): string[] => residuals[0].map(({ layer }) => layer);

const compressionOf = ({ layers }: FinishedTrial): string =>
  ratio(
    layers.reduce((sum, { weights }) => sum + weights, 0),
    layers.reduce((sum, { kept }) => sum + kept, 0),
  );
