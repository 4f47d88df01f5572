import { Failure } from '@prunegrid/core/failure';
import type { Clock } from '@prunegrid/core/runtime';

import { type Dataset, misfit } from '../../datasets/index.js';
import type { Model } from '../../models/index.js';
import type { Engine } from '../engine.js';
import { evaluateBlocks } from './evaluator.js';
import type { NetworkProvider } from './network.js';
import { HostReplica } from './replica.js';

/**
 * Returns an engine that computes gradients by `provider`, synchronously on the host. The optimizer is prunegrid's own,
 * in WebAssembly.
 */
export function hostEngine(provider: NetworkProvider, clock: Clock): Engine {
  const { name, version, device, memoryBytes } = provider;
  return {
    ...{ name, version, device, memoryBytes },
    async openReplica({ weights, state, ...start }) {
      requireFit(provider, start.model, start.dataset);
      return new HostReplica(provider, clock, start, { weights, state });
    },
    async openEvaluator(model, dataset, weights) {
      requireFit(provider, model, dataset);
      const network = provider.open(model);
      network.setParameters(weights);
      return {
        evaluate: (request) => evaluateBlocks(network, dataset, request),
        close: () => network.close(),
      };
    },
  };
}

/** Throws Failure unless the data set's examples and labels fit the model's input and classes. */
export function requireFit(
  { name, computesObjectives }: Pick<NetworkProvider, 'name' | 'computesObjectives'>,
  model: Model,
  dataset: Dataset,
): void {
  if (model.objective && !computesObjectives) {
    throw new Failure(
      'input',
      `engine: ${name} computes cross-entropy only: take loss and metrics out, or choose tensorflow`,
    );
  }
  const problem = misfit(model, dataset);
  if (problem !== undefined) throw new Failure('input', problem);
}
