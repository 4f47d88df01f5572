import { groupBy } from '../../sweep/grouping.js';
import { brief } from '../../experiment/setting.js';
import { methods } from '../../training/methods/index.js';
import type { CellRow, SweepTable } from './table.js';

/** Cells that differ only in how many weights they keep. They form one line of a chart. */
export interface Curve {
  /** The name, such as `admm.rho 0.01`, or a baseline's name. */
  name: string;
  /** The cells, with the smallest compression ratio first. */
  rows: CellRow[];
}

/** Returns whether a key determines how many weights are kept rather than how the network is pruned. */
const saysHowMuch = (key: string): boolean => /^(keep|budget)(\.|$)/.test(key) && key !== 'budget.rule';

/**
 * Returns the table's cells as curves over the compression ratio, with ADMM first. Cells of different networks are
 * never on one curve.
 */
export function curvesOf({ rows }: SweepTable): Curve[] {
  const models = new Set(rows.map(({ model }) => model)).size;
  const severalMethods = new Set(rows.map(({ method }) => method)).size > 1;
  const nameOf = ({ settings, method, model }: CellRow): string => {
    const rest = Object.entries(settings).filter(([key]) => !saysHowMuch(key) && key !== 'method');
    const rules = ruleOf(settings['budget']);
    const parts = [
      ...(severalMethods || rest.length === 0 ? [methods.find(method)?.title ?? method] : []),
      ...(models > 1 && !('model' in settings) ? [model] : []),
      ...rest.map(([key, value]) => `${key} ${brief(value)}`),
      ...(rules && severalRules(rows) ? [rules] : []),
    ];
    return parts.join(', ');
  };
  return [...groupBy(rows, nameOf)].map(([name, cells]) => ({
    name,
    rows: [...cells].sort((a, b) => b.kept - a.kept),
  }));
}

/** Returns the name of the curve that the cell is on: what distinguishes it from others that keep as many weights. */
export const curveOf = (curves: readonly Curve[], { cell }: CellRow): string =>
  curves.find(({ rows }) => rows.some((row) => row.cell === cell))?.name ?? `cell ${cell}`;

function ruleOf(budget: unknown): string | undefined {
  return typeof budget === 'object' && budget !== null && 'rule' in budget ? String(budget.rule) : undefined;
}

const severalRules = (rows: readonly CellRow[]): boolean =>
  new Set(rows.map(({ settings }) => ruleOf(settings['budget']))).size > 1;
