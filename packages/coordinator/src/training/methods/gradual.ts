import { atMost } from '@prunegrid/numerics/constraints';
import { countLayers, keptIn, type LayerToPrune, survivorsOf } from '../layers.js';
import type { Before, Method, Training } from './method.js';

/**
 * Gradual magnitude pruning (Zhu & Gupta 2017, "To prune, or not to prune", arXiv 1710.01878): masked training in which
 * the smallest remaining weights are pruned before each epoch. The last epoch trains the weights that satisfy the
 * layers' constraints.
 *
 * The optimizer's moments are reset to zero for each mask, and thus at each epoch, because the earlier moments belong
 * to another network.
 */
export const gradual: Method = {
  name: 'gradual',
  title: 'gradual pruning',
  trains: true,
  uses: ['optimizer', 'learningRate', 'dropout', 'labelSmoothing', 'gradientClipping'],
  prune,
};

async function prune(training: Training, before: Before, layers: readonly LayerToPrune[]): Promise<Float32Array> {
  const { spec, model, group, projector } = training.context;
  const epochs = spec.admm.iterations * spec.admm.epochsPerIteration;
  let { weights } = before;
  const sizeOf = ({ name, size }: LayerToPrune) => before.trainable?.get(name)?.length ?? size;
  const tighten = async (epoch: number) => {
    const held = layers.map((layer) => {
      if (epoch === epochs) return layer;
      const keep = keptAt(epoch, epochs, { keep: keptIn(layer), size: sizeOf(layer) });
      return { ...layer, constraint: atMost(keep) };
    });
    const { weights: masked, trainable } = await projector.pruneNetwork(held, weights);
    await training.setParameters('prune', masked, survivorsOf(model, trainable));
    const { totalEpochs } = training;
    training.record({ type: 'mask-tightened', epoch, totalEpochs, layers: countLayers(model, masked) });
  };
  let tightened = (await training.resume('prune')) !== undefined;
  if (!tightened) training.announce('prune');
  while (training.epoch < epochs) {
    if (!tightened) await tighten(training.epoch + 1);
    tightened = false;
    await training.trainEpoch('prune');
    weights = await group.fetchWeights();
    training.checkpoint('gradual', 'prune', weights);
  }
  return weights;
}

/**
 * Weights of a layer that epoch `epoch` (from 1) of `epochs` trains: the cubic schedule from all `size` that there are
 * before the first epoch to `keep` in the last. In terms of sparsity s, as published: s = s_final + (s_initial -
 * s_final) * (1 - t)^3, with s_initial = 0.
 */
export function keptAt(epoch: number, epochs: number, { keep, size }: { keep: number; size: number }): number {
  return Math.round(keep + (size - keep) * (1 - epoch / epochs) ** 3);
}
