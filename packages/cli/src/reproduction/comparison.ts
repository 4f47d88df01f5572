import type { LayerResult, RunResult } from '@prunegrid/coordinator/training/records';
import { type Spread, spreadOf } from '@prunegrid/coordinator/report/spread';
import { type PaperTable, rowsOf } from './paper-tables.js';

/** What this repository has for a cell of the table: a measurement, or why there is none. */
export type Cell<T> = T | { notRun: string };

/** The multiply-accumulates of an example, dense and pruned. */
type Computed = NonNullable<LayerResult['multiplyAccumulates']>;

/** A table of the paper with what was measured here in every cell. Accuracies are shares of the test set. */
export interface Comparison {
  table: string;
  accuracy: 'top-1' | 'top-5';
  rows: { name: string; ratio: number; paper: number; here: Cell<Spread> }[];
  layers: { name: string; weights: number; paper?: number; here: Cell<number>; multiplyAccumulates?: Computed }[];
  /** Weights kept in the table's layers together. */
  total: { weights: number; paper: number; here: Cell<number> };
  /** The multiply-accumulates of the whole network, and by which factor the paper makes them fewer. */
  computation?: Computed & { paper?: number };
  /** The keys whose values are not the recipe's, as `key=value` each. */
  changed: readonly string[];
}

/** What was run for a table. */
export interface Measured {
  /** The results of the trials that have finished. */
  results: readonly RunResult[];
  /** What the experiment keeps and computes, which is known before anything is run. */
  planned?: Pick<RunResult, 'layers' | 'total'> | undefined;
  /** Why there are no results, if there are none. */
  missing: string;
  changed?: readonly string[];
}

export function compare(
  name: string,
  table: PaperTable,
  { results, planned, missing, changed = [] }: Measured,
): Comparison {
  const { network } = table;
  const measured = (stage: 'dense' | 'final') =>
    spreadOf(
      results.flatMap(
        ({ [stage]: { testAccuracy, testTop5 } }) => (network.accuracy === 'top-5' ? testTop5 : testAccuracy) ?? [],
      ),
    ) ?? { notRun: missing };
  // The trials of a table differ only in their seeds, which do not change the number of weights that are kept.
  const known = results.at(0) ?? planned;
  const ours = network.layers.map((layer) => known?.layers.find((one) => one.name === layer.name));
  const computed = known?.total.multiplyAccumulates;
  return {
    table: name,
    accuracy: network.accuracy,
    rows: rowsOf(table).map(({ name: row, ratio, accuracy: paper, here }) => ({
      name: row,
      ratio,
      paper,
      here: typeof here === 'string' ? measured(here) : here,
    })),
    layers: network.layers.map(({ name: layer, weights, kept }, i) => ({
      name: layer,
      weights,
      ...(kept !== undefined && { paper: kept }),
      here: ours[i]?.kept ?? { notRun: missing },
      ...(ours[i]?.multiplyAccumulates && { multiplyAccumulates: ours[i].multiplyAccumulates }),
    })),
    total: {
      weights: network.layers.reduce((sum, { weights }) => sum + weights, 0),
      paper: network.total.kept,
      here: known ? ours.reduce((sum, layer) => sum + (layer?.kept ?? 0), 0) : { notRun: missing },
    },
    ...(computed && {
      computation: { ...computed, ...(network.computation !== undefined && { paper: network.computation }) },
    }),
    changed,
  };
}
