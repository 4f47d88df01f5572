import { epochsOf } from '../../experiment/epochs.js';
import { countLayers, type LayerToPrune, survivorsOf } from '../layers.js';
import type { Method } from './method.js';

/**
 * Gradual magnitude pruning (Zhu & Gupta 2017, "To prune, or not to prune", arXiv 1710.01878): masked training in which each epoch
 * begins with fewer weights, the smallest of those left being cut. The last epoch trains with what is kept in the end.
 *
 * The optimizer's moments start anew with each mask, so at each epoch: a survivor's belong to another network than what it is now in.
 */
export const gradual: Method = async (training, before, layers) => {
  const { spec, model, group, projector } = training.context;
  const epochs = epochsOf(spec).prune;
  let { weights } = before;
  const sizeOf = ({ name, size }: LayerToPrune) => before.supports?.get(name)?.length ?? size;
  const tighten = async (epoch: number) => {
    const { weights: masked, supports } = await projector.hardPrune(
      layers.map((layer) => ({ ...layer, keep: keptIn(epoch, epochs, { keep: layer.keep, size: sizeOf(layer) }) })),
      weights,
    );
    await training.setParameters('prune', masked, survivorsOf(model, supports));
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
};

/**
 * Weights of a layer that epoch `epoch` (from 1) of `epochs` trains: the cubic schedule from all `size` that there are, before the first, to `keep`
 * in the last. In terms of sparsity s, as published: s = s_final + (s_initial - s_final) * (1 - t)^3, with s_initial = 0.
 */
export function keptIn(epoch: number, epochs: number, { keep, size }: { keep: number; size: number }): number {
  return Math.round(keep + (size - keep) * (1 - epoch / epochs) ** 3);
}
