import { alexnet, lenet300, lenet5, type PaperNetwork } from '../report/paper.js';

/** A line of a table: a figure that was published, and what is held against it. */
export interface PaperRow {
  name: string;
  /** How many times fewer weights. */
  ratio: number;
  /** Share of the test set. */
  accuracy: number;
  /** The accuracy of this repository's trials that stands beside it, or why none does. */
  here: 'dense' | 'final' | { notRun: string };
}

/** A table of the paper, and the sweep that measures it. */
export interface PaperTable {
  name: string;
  network: PaperNetwork;
  accuracy: 'top-1' | 'top-5';
  /** A sweep among the experiments, or why nothing of the table can be run. */
  sweep: string | { notRun: string };
  rows: readonly PaperRow[];
}

const otherMethod = (what: string) => ({ notRun: `${what} is not among the methods here` });

/** Accuracies and ratios of others are as they were published; their dense networks differ. */
const tables: readonly PaperTable[] = [
  {
    name: 'lenet5',
    network: lenet5,
    accuracy: 'top-1',
    sweep: 'table-lenet5.yaml',
    rows: [
      { name: 'dense', ratio: 1, accuracy: 0.992, here: 'dense' },
      { name: 'ADMM (the paper)', ratio: 71.2, accuracy: 0.992, here: 'final' },
      {
        name: 'Han et al., NIPS 2015',
        ratio: 12,
        accuracy: 0.992,
        here: otherMethod('pruning by magnitude in several rounds'),
      },
      { name: 'Guo et al., NIPS 2016', ratio: 108, accuracy: 0.9909, here: otherMethod('dynamic network surgery') },
      {
        name: 'Molchanov et al., ICML 2017',
        ratio: 280,
        accuracy: 0.9925,
        here: otherMethod('sparse variational dropout'),
      },
    ],
  },
  {
    name: 'lenet300',
    network: lenet300,
    accuracy: 'top-1',
    sweep: 'table-lenet300.yaml',
    rows: [{ name: 'ADMM (the paper)', ratio: 23, accuracy: 0.984, here: 'final' }],
  },
  {
    name: 'alexnet',
    network: alexnet,
    accuracy: 'top-5',
    sweep: { notRun: 'AlexNet and ImageNet are not among the models and data sets here' },
    rows: [
      { name: 'dense', ratio: 1, accuracy: 0.802, here: 'dense' },
      { name: 'ADMM (the paper)', ratio: 21, accuracy: 0.802, here: 'final' },
      {
        name: 'Han et al., NIPS 2015',
        ratio: 9,
        accuracy: 0.803,
        here: otherMethod('pruning by magnitude in several rounds'),
      },
      { name: 'NeST (Dai et al., 2017)', ratio: 15.7, accuracy: 0.802, here: otherMethod('growing and pruning') },
    ],
  },
];

export const tableNames = tables.map(({ name }) => name);

export const tableNamed = (name: string): PaperTable | undefined => tables.find((table) => table.name === name);
