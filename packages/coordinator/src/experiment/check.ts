import type { Named, Registry } from '@prunegrid/core/registry';
import { suggest } from '@prunegrid/core/text/suggestion';
import { budgets } from '@prunegrid/numerics/budgets';
import { atMost, constraints } from '@prunegrid/numerics/constraints';
import { isDatasetPath } from '@prunegrid/trainer/datasets';
import { isModelPath } from '@prunegrid/trainer/models';

import { methods } from '../training/methods/index.js';
import type { Places } from './places.js';
import { TOP_5_ABOVE } from './choose.js';
import { failureOf, type Problem } from './problems.js';
import type { Spec } from './spec.js';

/** The properties of a model that a spec is checked against without building the model. */
export interface ModelOutline {
  name: string;
  /** The weights of the layers. Biases are neither pruned nor counted. */
  parameters: readonly { layer: string; kind: string; shape: readonly number[] }[];
  /** The shape and the type of one example, and the number of classes. Data in files are held against them. */
  input?: { shape: readonly number[]; type: string };
  classes?: number;
  /** Present if the model comes with trained weights. */
  pretrained?: unknown;
}

/** What this installation can train. */
export interface Catalogue {
  engines: readonly string[];
  models: readonly ModelOutline[];
  datasets: readonly string[];
}

/**
 * Checks a valid spec against the available engines, models, data sets, methods, budget rules and constraints. A model in
 * files is checked when it is loaded.
 * @throws {Failure} `input` if one of them is unknown, the model lacks a layer, or a layer cannot meet its constraint
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
  if (!catalogue.datasets.includes(spec.dataset.name) && !isDatasetPath(spec.dataset.name)) {
    problems.push({
      path: ['dataset', 'name'],
      on: 'value',
      text: `no data set "${spec.dataset.name}"; ${suggest(spec.dataset.name, catalogue.datasets)}${spec.dataset.name.includes('/') ? '; a path begins with ./' : ''}`,
    });
  }
  if (!isModelPath(spec.model)) {
    const model = catalogue.models.find(({ name }) => name === spec.model);
    if (model) problems.push(...checkAgainstModel(spec, model));
    else problems.push({ path: ['model'], on: 'value', text: noModel(spec.model, catalogue) });
  }
  problems.push(...unknownIn(methods, ['method'], spec.method));
  if (spec.budget) problems.push(...unknownIn(budgets, ['budget', 'rule'], spec.budget.rule));
  if (problems.length > 0) throw failureOf(problems, places);
}

function noModel(name: string, { models }: Catalogue): string {
  const allowed = suggest(
    name,
    models.map((model) => model.name),
  );
  return `no model "${name}"; ${allowed}${name.includes('/') ? '; a path begins with ./' : ''}`;
}

/** Returns a problem if the registry has no member of this name. */
const unknownIn = (registry: Registry<Named>, path: string[], name: string): Problem[] =>
  registry.find(name) ? [] : [{ path, on: 'value', text: `found "${name}"; ${suggest(name, registry.names)}` }];

/**
 * Returns a problem for each unknown layer in `keep` and `constraints`, for each layer that is in both, for each
 * constraint that a layer of its shape cannot meet, for a choice by a metric that the model does not have, and for no dense
 * training of a model without trained weights.
 */
export function checkAgainstModel(spec: Spec, model: ModelOutline): Problem[] {
  const layers = new Map(
    model.parameters.filter(({ kind }) => kind === 'weight').map(({ layer, shape }) => [layer, shape]),
  );
  const shapeOf = (path: [string, string]): readonly number[] | Problem =>
    layers.get(path[1]) ?? {
      path,
      on: 'key',
      text: `${model.name} has no such layer; ${suggest(path[1], [...layers.keys()])}`,
    };
  const ofCounts = Object.entries(spec.keep ?? {}).flatMap(([name, kept]): Problem[] => {
    const path: [string, string] = ['keep', name];
    const shape = shapeOf(path);
    if ('text' in shape) return [shape];
    if (constraints.get('cardinality').problem(atMost(kept), shape) === undefined) return [];
    const weights = shape.reduce((product, extent) => product * extent, 1);
    return [{ path, on: 'value', text: `found ${kept}; ${name} has ${weights} weights, keep at most that` }];
  });
  const ofConstraints = Object.entries(spec.constraints ?? {}).flatMap(([name, data]): Problem[] => {
    const path: [string, string] = ['constraints', name];
    const shape = shapeOf(path);
    if ('text' in shape) return [shape];
    if (spec.keep && name in spec.keep) {
      return [{ path, on: 'key', text: `keep says how many weights of ${name} stay: take one of the two out` }];
    }
    const constraint = constraints.find(data.kind);
    if (!constraint) return unknownIn(constraints, [...path, 'kind'], data.kind);
    const text = constraint.problem(data, shape);
    return text === undefined ? [] : [{ path, on: 'value', text }];
  });
  return [...ofCounts, ...ofConstraints, ...problemsOfChoice(spec, model), ...problemsOfStart(spec, model)];
}

function problemsOfChoice({ choose }: Spec, { name, classes = Infinity }: ModelOutline): Problem[] {
  if (choose !== 'top5' || classes > TOP_5_ABOVE) return [];
  return [
    { path: ['choose'], on: 'value', text: `found "top5"; ${name} has ${classes} classes: choose accuracy or loss` },
  ];
}

function problemsOfStart({ dense }: Spec, { name, pretrained }: ModelOutline): Problem[] {
  if (dense.epochs > 0 || pretrained !== undefined) return [];
  const text = `found 0; ${name} comes without trained weights, so there is nothing to prune: train for some epochs`;
  return [{ path: ['dense', 'epochs'], on: 'value', text }];
}
