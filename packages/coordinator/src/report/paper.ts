import type { LayerCount } from '../journal/records.js';

/** What the paper reports for one network. Accuracies are shares of the test set. */
export interface PaperNetwork {
  title: string;
  layers: readonly LayerCount[];
  denseAccuracy: number;
  finalAccuracy: number;
  /** Passes over the training images in the authors' released recipe, all phases together; about. */
  epochs: number;
}

/**
 * Zhang, Ye, Zhang, Tang, Wen, Fardad, Wang: "A Systematic DNN Weight Pruning Framework using Alternating Direction
 * Method of Multipliers", ECCV 2018, arXiv 1804.03294; LeNet-5 on MNIST, "no accuracy loss" at 99.2 %. The epochs are
 * those of the authors' released code: batch 50 of 55,000 images, 20,000 + 30 * 5,000 + 20,000 steps.
 */
const lenet5: PaperNetwork = {
  title: 'LeNet-5 on MNIST',
  layers: [
    { name: 'conv1', weights: 500, kept: 100 },
    { name: 'conv2', weights: 25_000, kept: 2_000 },
    { name: 'fc1', weights: 400_000, kept: 3_600 },
    { name: 'fc2', weights: 5_000, kept: 350 },
  ],
  denseAccuracy: 0.992,
  finalAccuracy: 0.992,
  epochs: 172,
};

const networks = [lenet5];

/** The paper's network with exactly these layers, names and weights; undefined where the paper has none. */
export function paperNetwork(layers: readonly LayerCount[]): PaperNetwork | undefined {
  return networks.find(
    (network) =>
      network.layers.length === layers.length &&
      network.layers.every(({ name, weights }) =>
        layers.some((layer) => layer.name === name && layer.weights === weights),
      ),
  );
}
