import { suggest } from '@prunegrid/core/text/suggestion';

import type { Places } from './places.js';
import { failureOf, type Problem } from './problems.js';
import type { Spec } from './spec.js';

/** What a spec can be held against without building the model. Weights are counted without biases. */
export interface ModelOutline {
  name: string;
  layers: readonly { name: string; weights: number }[];
}

/** What this build can train. */
export interface Catalogue {
  engines: readonly string[];
  models: readonly ModelOutline[];
  datasets: readonly string[];
}

/**
 * Holds a valid spec against the models and data sets that there are.
 * @throws Failure `input`: unknown engine, model or data set, a layer that the model lacks, a keep above the layer's weights
 */
export function checkAgainstCatalogue(spec: Spec, catalogue: Catalogue, places: Places): void {
  const problems: Problem[] = [];
  if (!catalogue.engines.includes(spec.engine)) {
    problems.push({
      path: ['engine'],
      on: 'value',
      text: `no engine "${spec.engine}"; ${suggest(spec.engine, catalogue.engines)}`,
    });
  }
  if (!catalogue.datasets.includes(spec.dataset.name)) {
    problems.push({
      path: ['dataset', 'name'],
      on: 'value',
      text: `no data set "${spec.dataset.name}"; ${suggest(spec.dataset.name, catalogue.datasets)}`,
    });
  }
  const model = catalogue.models.find(({ name }) => name === spec.model);
  if (model === undefined) {
    const names = catalogue.models.map(({ name }) => name);
    problems.push({ path: ['model'], on: 'value', text: `no model "${spec.model}"; ${suggest(spec.model, names)}` });
  } else {
    problems.push(...checkAgainstModel(spec, model));
  }
  if (problems.length > 0) throw failureOf(problems, places);
}

/** Unknown layers in `keep`, and counts above a layer's weights. */
export function checkAgainstModel(spec: Spec, model: ModelOutline): Problem[] {
  const names = model.layers.map(({ name }) => name);
  return Object.entries(spec.keep ?? {}).flatMap(([name, kept]): Problem[] => {
    const layer = model.layers.find((candidate) => candidate.name === name);
    if (layer === undefined) {
      return [{ path: ['keep', name], on: 'key', text: `${model.name} has no such layer; ${suggest(name, names)}` }];
    }
    if (kept <= layer.weights) return [];
    return [
      {
        path: ['keep', name],
        on: 'value',
        text: `found ${kept}; ${name} has ${layer.weights} weights, keep at most that`,
      },
    ];
  });
}
