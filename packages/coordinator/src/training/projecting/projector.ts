import type { Clock } from '@prunegrid/core/runtime';
import type { Iterated, LayerState } from '@prunegrid/numerics/admm';
import { type LayerToPrune, weightsOf } from '../layers.js';
import { type ArgumentsOf, type Operation, runOperation, type ResultOf } from './operations.js';
import { copyInto, copyOf } from './pieces.js';
import { LayerThreads } from './threads.js';

/**
 * Weights from which on a layer goes to a thread, so that no layer holds up the event loop for longer than 7 ms. An iteration here takes
 * 13 ns a weight: 5.5 ms for LeNet-5's fc1 of 400,000, 12 ms for AlexNet's conv3 of 884,736. Alone, a thread is later done (70 ms
 * for conv3, and 120 for fc3, which takes 55 here): it starts, gets a copy of W and runs code that V8 has not compiled yet. What it
 * leaves to the event loop is 0.5 ms for its start and 0.7 ms for each piece of the copy. Measured by five iterations each on two cores
 * of an AMD EPYC that also had other work, Node 20.
 */
const LARGE = 2 ** 19;

/** A network after hard pruning. Positions ascend and are counted within the layer. */
export interface PrunedNetwork {
  /** All parameters. */
  weights: Float32Array;
  /** By layer, the positions of weights that may be non-zero. */
  supports: Map<string, Uint32Array>;
  /** By layer, the positions of weights that masked retraining may train. */
  trainable: Map<string, Uint32Array>;
}

/**
 * Does what ADMM and hard pruning do with whole layers, and never holds up the event loop for longer than some 10 ms: large layers go
 * to threads, all at the same time as far as there are cores, small ones follow one after another here. The bits are those of admm/'s
 * functions, called one after another. If several layers fail, it rejects with what the first of them throws.
 *
 * Z, U and the supports move to a layer's thread and back and are never copied. W is: it is a part of the vector of all parameters, which
 * stays. For AlexNet's fc1 that is 151 MB (4 * 9216 * 4096 bytes) as long as its thread lives, besides 302 MB of Z and U which are there
 * anyway; with fc2 on a second core 218 MB, with fc3 and conv3 on four 238 MB.
 */
export class Projector {
  constructor(
    private readonly clock: Pick<Clock, 'turn'>,
    private readonly threads = new LayerThreads(),
    private readonly large = LARGE,
  ) {}

  /** Z^0 and U^0 of each layer. `parameters` are all of the model's. */
  initialise(layers: readonly LayerToPrune[], parameters: Float32Array, rho: number): Promise<LayerState[]> {
    return allOf(this.each(layers, parameters, 'initialise', (W) => [W, rho]));
  }

  /** Z^(k+1), U^(k+1) and the residuals of each layer. The states that it is given are gone afterwards, even if it rejects. */
  iterate(
    layers: readonly LayerToPrune[],
    states: readonly LayerState[],
    parameters: Float32Array,
    nextRho: number,
  ): Promise<Iterated[]> {
    return allOf(this.each(layers, parameters, 'iterate', (W, i) => [states[i], W, nextRho]));
  }

  /** Projects W of each layer. Returns all parameters, in a new array, and for each layer what `PrunedLayer` says of positions. */
  async pruneNetwork(layers: readonly LayerToPrune[], parameters: Float32Array): Promise<PrunedNetwork> {
    const weights = await copyOf(this.clock, parameters);
    const pruned = await allOf(
      this.each(layers, parameters, 'hardPrune', (W) => [W]).map(async (result, i) => {
        const { weights: projected, ...positions } = await result;
        await copyInto(this.clock, weightsOf(layers[i], weights), projected);
        return { name: layers[i].name, ...positions };
      }),
    );
    return {
      weights,
      supports: new Map(pruned.map(({ name, support }) => [name, support])),
      trainable: new Map(pruned.map(({ name, trainable }) => [name, trainable])),
    };
  }

  private each<Name extends Operation>(
    layers: readonly LayerToPrune[],
    parameters: Float32Array,
    operation: Name,
    argumentsOf: (W: Float32Array, i: number) => ArgumentsOf<Name>,
  ): Promise<ResultOf<Name>>[] {
    let here: Promise<unknown> = Promise.resolve();
    return layers.map((layer, i) => {
      const { constraint, shape } = layer;
      const W = weightsOf(layer, parameters);
      if (layer.size >= this.large) {
        return this.threads.run(layer, operation, async () => argumentsOf(await copyOf(this.clock, W), i));
      }
      const result = here.then(() => runOperation({ operation, constraint, shape, args: argumentsOf(W, i) }));
      const pause = () => this.clock.turn();
      here = result.then(pause, pause);
      return result;
    });
  }
}

/** As Promise.all, but rejects only once all have settled, with the failure of the first in their order: nothing is left at work. */
async function allOf<T>(results: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(results);
  return Promise.all(results);
}
