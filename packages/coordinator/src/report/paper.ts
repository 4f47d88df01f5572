import type { LayerCount, RunManifest } from '../training/records.js';

/** The results that the paper reports for one network. Accuracies are shares of the test set. */
export interface PaperNetwork {
  title: string;
  /** The name of the data set. */
  dataset: string;
  /** `kept` is absent if only the total is known. */
  layers: readonly (Omit<LayerCount, 'kept'> & { kept?: number })[];
  /** The number of weights kept in these layers together, and the compression ratio that the paper states. */
  total: { kept: number; ratio: number };
  /** By which factor the multiply-accumulates of the whole network become fewer, if the paper says so. */
  computation?: number;
  denseAccuracy?: number;
  finalAccuracy: number;
  accuracy: 'top-1' | 'top-5';
  /** The approximate number of epochs of the authors' released recipe, in all phases together. */
  epochs?: number;
  /** The published results of other methods. Their dense networks differ. */
  others: readonly { by: string; method: string; ratio: number; accuracy: number }[];
}

/**
 * Zhang, Ye, Zhang, Tang, Wen, Fardad, Wang: "A Systematic DNN Weight Pruning Framework using Alternating Direction
 * Method of Multipliers", ECCV 2018, arXiv 1804.03294; LeNet-5 on MNIST, "no accuracy loss" at 99.2 %. The epochs are
 * those of the authors' released code: batch 50 of 55,000 images, 20,000 + 30 * 5,000 + 20,000 steps.
 */
export const lenet5: PaperNetwork = {
  title: 'LeNet-5 on MNIST',
  dataset: 'mnist',
  layers: [
    { name: 'conv1', weights: 500, kept: 100 },
    { name: 'conv2', weights: 25_000, kept: 2_000 },
    { name: 'fc1', weights: 400_000, kept: 3_600 },
    { name: 'fc2', weights: 5_000, kept: 350 },
  ],
  total: { kept: 6_050, ratio: 71.2 },
  denseAccuracy: 0.992,
  finalAccuracy: 0.992,
  accuracy: 'top-1',
  epochs: 172,
  others: [
    { by: 'Han et al., NIPS 2015', method: 'pruning by magnitude in several rounds', ratio: 12, accuracy: 0.992 },
    { by: 'Guo et al., NIPS 2016', method: 'dynamic network surgery', ratio: 108, accuracy: 0.9909 },
    { by: 'Ye et al., 2018', method: 'progressive ADMM', ratio: 167, accuracy: 0.99 },
    { by: 'Molchanov et al., ICML 2017', method: 'sparse variational dropout', ratio: 280, accuracy: 0.9925 },
  ],
};

/** The same paper's LeNet-300-100: "267K" (with biases) to "11.6K" weights. */
export const lenet300: PaperNetwork = {
  title: 'LeNet-300-100 on MNIST',
  dataset: 'mnist',
  layers: [
    { name: 'fc1', weights: 235_200 },
    { name: 'fc2', weights: 30_000 },
    { name: 'fc3', weights: 1_000 },
  ],
  total: { kept: 11_600, ratio: 23 },
  finalAccuracy: 0.984,
  accuracy: 'top-1',
  others: [],
};

/**
 * The same paper's AlexNet on ImageNet, "no accuracy loss" at 80.2 % top-5. The numbers of kept weights are rounded as
 * in the paper.
 */
export const alexnet: PaperNetwork = {
  title: 'AlexNet on ImageNet',
  dataset: 'imagenet',
  layers: [
    { name: 'conv1', weights: 34_848, kept: 28_190 },
    { name: 'conv2', weights: 307_200, kept: 61_440 },
    { name: 'conv3', weights: 884_736, kept: 168_090 },
    { name: 'conv4', weights: 663_552, kept: 132_700 },
    { name: 'conv5', weights: 442_368, kept: 88_480 },
    { name: 'fc1', weights: 37_748_736, kept: 1_060_000 },
    { name: 'fc2', weights: 16_777_216, kept: 990_000 },
    { name: 'fc3', weights: 4_096_000, kept: 380_000 },
  ],
  total: { kept: 2_900_000, ratio: 21 },
  denseAccuracy: 0.802,
  finalAccuracy: 0.802,
  accuracy: 'top-5',
  others: [
    { by: 'Han et al., NIPS 2015', method: 'pruning by magnitude in several rounds', ratio: 9, accuracy: 0.803 },
    { by: 'NeST (Dai et al., 2017)', method: 'growing and pruning', ratio: 15.7, accuracy: 0.802 },
    { by: 'Ye et al., 2018', method: 'progressive ADMM', ratio: 30, accuracy: 0.801 },
  ],
};

/**
 * The same network with the focus on its convolutions: 13.4x fewer weights in them, and five times less computation in
 * the whole network, "no accuracy loss". Only these totals are known here, so the number of kept weights is computed.
 */
export const alexnetConvolutions: PaperNetwork = {
  title: "AlexNet's convolutions on ImageNet",
  dataset: 'imagenet',
  layers: alexnet.layers.slice(0, 5).map(({ name, weights }) => ({ name, weights })),
  total: { kept: Math.round(2_332_704 / 13.4), ratio: 13.4 },
  computation: 5,
  denseAccuracy: 0.802,
  finalAccuracy: 0.802,
  accuracy: 'top-5',
  others: [],
};

const networks = [lenet5, lenet300, alexnet];

/** The data of a run, as its manifest describes them. */
export type DataOfRun = Pick<RunManifest['dataset'], 'name' | 'classes' | 'examples'>;

/** ImageNet's training part has 1,281,167 pictures; copies may lack damaged ones. */
const IMAGENET = { classes: 1000, examples: 1_200_000 };

/** Returns whether data are of this name. ImageNet has no name here, since it is read from files: its size tells it. */
function isDataset(name: string, data: DataOfRun): boolean {
  const { classes, examples } = data;
  if (name !== 'imagenet' || !examples) return data.name === name;
  return classes === IMAGENET.classes && examples.training + examples.validation >= IMAGENET.examples;
}

/**
 * Returns the paper's network on these data that has exactly these layers, with the same names and numbers of weights,
 * or undefined if the paper has none.
 */
export function paperNetwork(layers: readonly LayerCount[], data: DataOfRun): PaperNetwork | undefined {
  return networks.find(
    (network) =>
      isDataset(network.dataset, data) &&
      network.layers.length === layers.length &&
      network.layers.every(({ name, weights }) =>
        layers.some((layer) => layer.name === name && layer.weights === weights),
      ),
  );
}
