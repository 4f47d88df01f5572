import { alexnet, alexnetConvolutions, lenet300, lenet5, type PaperNetwork } from '@prunegrid/coordinator/report/paper';

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

/** A table of the paper, and the experiment that measures it. */
export interface PaperTable {
  network: PaperNetwork;
  /** The experiment, one of the cells of the reproduction's sweep. */
  experiment: string;
  /** Why an experiment that resembles another method's recipe does not count as it, by the method's name. */
  resembling?: Readonly<Record<string, string>>;
}

/** What `prunegrid reproduce` knows by one name: tables of the paper about one network, and the sweep that measures them. */
export interface Reproduction {
  name: string;
  /** A sweep among the experiments, with a cell for each table, in their order. */
  sweep: string;
  tables: readonly PaperTable[];
  /** The data that users must have themselves, if they cannot be had freely. */
  needs?: string;
}

const reproductions: readonly Reproduction[] = [
  {
    name: 'lenet5',
    sweep: 'table-lenet5.yaml',
    tables: [
      {
        network: lenet5,
        experiment: 'lenet5-mnist.yaml',
        resembling: {
          'progressive ADMM':
            'experiments/lenet5-progressive.yaml is no progressive ADMM of Ye et al.: it prunes to other ratios (120x and 180x, not 167x) and continues from one network at each ratio, where they continue from the best of several',
        },
      },
    ],
  },
  {
    name: 'lenet300',
    sweep: 'table-lenet300.yaml',
    tables: [{ network: lenet300, experiment: 'lenet300-mnist.yaml' }],
  },
  {
    name: 'alexnet',
    sweep: 'table-alexnet.yaml',
    tables: [
      { network: alexnet, experiment: 'alexnet-imagenet.yaml' },
      { network: alexnetConvolutions, experiment: 'alexnet-imagenet-conv.yaml' },
    ],
    needs: 'ImageNet',
  },
];

export const reproductionNames = reproductions.map(({ name }) => name);

export const reproductionNamed = (name: string): Reproduction | undefined =>
  reproductions.find((reproduction) => reproduction.name === name);

/** The paper's own figures first, then those of others. */
export function rowsOf({ network, resembling = {} }: PaperTable): PaperRow[] {
  const { denseAccuracy, finalAccuracy, total, others } = network;
  return [
    ...(denseAccuracy === undefined
      ? []
      : [{ name: 'dense', ratio: 1, accuracy: denseAccuracy, here: 'dense' } satisfies PaperRow]),
    { name: 'ADMM (the paper)', ratio: total.ratio, accuracy: finalAccuracy, here: 'final' },
    ...others.map(({ by, method, ratio, accuracy }) => ({
      ...{ name: by, ratio, accuracy },
      here: { notRun: resembling[method] ?? `the recipe of ${method} is not among the experiments here` },
    })),
  ];
}
