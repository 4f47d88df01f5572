import type { Host } from '@prunegrid/core/runtime';
import type { Iterated, LayerState } from '@prunegrid/numerics/admm';
import { type LayerToPrune, weightsOf } from '../layers.js';
import { type ArgumentsOf, type Operation, runOperation, type ResultOf } from './operations.js';
import { copyInto, copyOf } from './pieces.js';
import { LayerThreads } from './threads.js';

/**
 * Smallest number of weights for which a layer is processed in a thread, so that no layer blocks the event loop for
 * more than 7 ms. On the main thread an iteration takes 13 ns per weight: 5.5 ms for the 400,000 of LeNet-5's fc1, 12
 * ms for the 884,736 of AlexNet's conv3. A single thread takes longer (70 ms for conv3; 120 ms instead of 55 ms for
 * fc3), because it must start, receive a copy of W and run code that V8 has not compiled. However, it blocks the event
 * loop only for 0.5 ms at its start and 0.7 ms for each piece of the copy. These are means of five iterations on two
 * busy cores of an AMD EPYC with Node 20.
 */
const LARGE = 2 ** 19;

/** A network after hard pruning. Positions are ascending and relative to the layer. */
export interface PrunedNetwork {
  /** Values of all parameters. */
  weights: Float32Array;
  /** For each layer, the positions of weights that may be non-zero. */
  supports: Map<string, Uint32Array>;
  /** For each layer, the positions of weights that masked retraining may train. */
  trainable: Map<string, Uint32Array>;
}

/**
 * Runs the operations of ADMM and hard pruning on whole layers without blocking the event loop for more than about 10
 * ms. Large layers run in threads, in parallel if there are enough cores; small layers run one after another on the
 * main thread. The results have the same bits as serial calls of admm/'s functions. If several layers fail, the call
 * rejects with the error of the first one.
 *
 * Z, U and the supports are transferred to a layer's thread and back without a copy. W is copied, because it is part of
 * the vector of all parameters. While the thread runs, the copy takes 151 MB (4 * 9216 * 4096 bytes) for AlexNet's fc1,
 * besides the 302 MB of Z and U; with fc2 on a second core it takes 218 MB, and with fc3 and conv3 on four cores 238
 * MB.
 */
export class Projector {
  private readonly clock: Host['clock'];

  constructor(
    { clock, machine }: Pick<Host, 'clock' | 'machine'>,
    private readonly threads = new LayerThreads(machine.parallelism),
    private readonly large = LARGE,
  ) {
    this.clock = clock;
  }

  /** Returns Z^0 and U^0 of each layer. `parameters` holds all parameters of the model. */
  initialise(layers: readonly LayerToPrune[], parameters: Float32Array, rho: number): Promise<LayerState[]> {
    return allOf(this.each(layers, parameters, 'initialise', (W) => [W, rho]));
  }

  /**
   * Returns Z^(k+1), U^(k+1) and the residuals of each layer. The given states are unusable afterwards, even if it
   * rejects.
   */
  iterate(
    layers: readonly LayerToPrune[],
    states: readonly LayerState[],
    parameters: Float32Array,
    nextRho: number,
  ): Promise<Iterated[]> {
    return allOf(this.each(layers, parameters, 'iterate', (W, i) => [states[i], W, nextRho]));
  }

  /**
   * Projects W of each layer. Returns all parameters and the positions that `PrunedLayer` describes.
   * @param memory is overwritten with the parameters that are returned, and may be `parameters` itself; by default, they
   *   are in a new array
   */
  async pruneNetwork(
    layers: readonly LayerToPrune[],
    parameters: Float32Array,
    memory?: Float32Array,
  ): Promise<PrunedNetwork> {
    const weights = memory ?? new Float32Array(parameters.length);
    if (weights !== parameters) await copyInto(this.clock, weights, parameters);
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

/**
 * Awaits all results. Unlike Promise.all, it rejects only when all have settled, with the first error in their order.
 */
async function allOf<T>(results: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(results);
  return Promise.all(results);
}
