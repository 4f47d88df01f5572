import { alexnet, lenet300, lenet5, type PaperNetwork } from '@prunegrid/coordinator/report/paper';

/** A line of a table: a figure that was published, and what is held against it. */
export interface PaperRow {
  name: string;
  /** The compression ratio: weights over weights kept. */
  ratio: number;
  /** A share of the test set. */
  accuracy: number;
  /** The accuracy of this repository's trials that stands beside it, or why none does. */
  here: 'dense' | 'final' | { notRun: string };
}

/** A table of the paper, and the sweep that measures it. */
export interface PaperTable {
  name: string;
  network: PaperNetwork;
  /** A sweep among the experiments, or why nothing of the table can be run. */
  sweep: string | { notRun: string };
  /** Why an experiment that resembles another method's recipe does not count as it, by the method's name. */
  resembling?: Readonly<Record<string, string>>;
}

const tables: readonly PaperTable[] = [
  {
    name: 'lenet5',
    network: lenet5,
    sweep: 'table-lenet5.yaml',
    resembling: {
      'progressive ADMM':
        'experiments/lenet5-progressive.yaml is no progressive ADMM of Ye et al.: it prunes to other ratios (120x and 180x, not 167x) and continues from one network at each ratio, where they continue from the best of several',
    },
  },
  { name: 'lenet300', network: lenet300, sweep: 'table-lenet300.yaml' },
  {
    name: 'alexnet',
    network: alexnet,
    sweep: { notRun: 'AlexNet and ImageNet are not among the models and data sets here' },
  },
];

export const tableNames = tables.map(({ name }) => name);

export const tableNamed = (name: string): PaperTable | undefined => tables.find((table) => table.name === name);

/** The paper's own figures first, then those of others. */
export function rowsOf({ network, resembling = {}, sweep }: PaperTable): PaperRow[] {
  const { denseAccuracy, finalAccuracy, total, others } = network;
  return [
    ...(denseAccuracy === undefined
      ? []
      : [{ name: 'dense', ratio: 1, accuracy: denseAccuracy, here: 'dense' } satisfies PaperRow]),
    { name: 'ADMM (the paper)', ratio: total.ratio, accuracy: finalAccuracy, here: 'final' },
    ...others.map(({ by, method, ratio, accuracy }) => ({
      ...{ name: by, ratio, accuracy },
      here:
        typeof sweep === 'string'
          ? { notRun: resembling[method] ?? `the recipe of ${method} is not among the experiments here` }
          : sweep,
    })),
  ];
}
