import type { RunResult } from '@prunegrid/coordinator/training/records';
import { type Spread, spreadOf } from '@prunegrid/coordinator/report/spread';
import { type PaperTable, rowsOf } from './paper-tables.js';

/** What this repository has for a cell of the table: a measurement, or why there is none. */
export type Cell<T> = T | { notRun: string };

/** A table of the paper with what was measured here in every cell. Accuracies are shares of the test set. */
export interface Comparison {
  table: string;
  accuracy: 'top-1' | 'top-5';
  rows: { name: string; ratio: number; paper: number; here: Cell<Spread> }[];
  layers: { name: string; weights: number; paper?: number; here: Cell<number> }[];
  /** Weights kept in all. */
  total: { weights: number; paper: number; here: Cell<number> };
  /** The keys whose values are not the recipe's, as `key=value` each. */
  changed: readonly string[];
}

/** What was run for a table. */
export interface Measured {
  /** The results of the trials that have finished. */
  results: readonly RunResult[];
  /** Why there are no results, if there are none. */
  missing: string;
  changed?: readonly string[];
}

export function compare(table: PaperTable, { results, missing, changed = [] }: Measured): Comparison {
  const { network } = table;
  const measured = (stage: 'dense' | 'final') =>
    spreadOf(
      results.flatMap(
        ({ [stage]: { testAccuracy, testTop5 } }) => (network.accuracy === 'top-5' ? testTop5 : testAccuracy) ?? [],
      ),
    ) ?? { notRun: missing };
  // The trials of a table differ only in their seeds, which do not change the number of weights that are kept.
  const first = results.at(0);
  return {
    table: table.name,
    accuracy: network.accuracy,
    rows: rowsOf(table).map(({ name, ratio, accuracy: paper, here }) => ({
      name,
      ratio,
      paper,
      here: typeof here === 'string' ? measured(here) : here,
    })),
    layers: network.layers.map(({ name, weights, kept }) => ({
      name,
      weights,
      ...(kept !== undefined && { paper: kept }),
      here: first?.layers.find((layer) => layer.name === name)?.kept ?? { notRun: missing },
    })),
    total: {
      weights: network.layers.reduce((sum, { weights }) => sum + weights, 0),
      paper: network.total.kept,
      here: first?.total.kept ?? { notRun: missing },
    },
    changed,
  };
}
