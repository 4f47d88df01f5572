import type { Named, Registry } from '@prunegrid/core/registry';
import { suggest } from '@prunegrid/core/text/suggestion';
import { type BudgetLayer, budgets, keptInAll } from '@prunegrid/numerics/budgets';
import { isDatasetPath } from '@prunegrid/trainer/datasets';
import type { Objective } from '@prunegrid/trainer/losses';
import { isModelPath } from '@prunegrid/trainer/models';
import type { z } from 'zod';

import { methods } from '../training/methods/index.js';
import { leftDense } from './constraints.js';
import { layerRules } from './layer-rules.js';
import type { Places } from './places.js';
import { TOP_5_ABOVE } from './choose.js';
import { failureOf, type Problem, problemsOf, requirement } from './problems.js';
import type { Spec } from './spec.js';

/** The properties of a model that a spec is checked against without building the model. */
export interface ModelOutline {
  name: string;
  /** The weights of the layers. Biases are neither pruned nor counted. */
  parameters: readonly { layer: string; kind: string; shape: readonly number[] }[];
  /** The shape and the type of one example, and the number of classes. Data in files are held against them. */
  input?: { shape: readonly number[]; type: string };
  classes?: number;
  objective?: Pick<Objective, 'loss'>;
  /** Present if the model comes with trained weights. */
  pretrained?: unknown;
}

/** What this installation can train. */
export interface Catalogue {
  engines: readonly string[];
  models: readonly ModelOutline[];
  datasets: readonly string[];
  /** The launchers that a spec may name, each with the schema of its keys in a spec. */
  launchers: readonly { name: string; keys: z.ZodType }[];
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
  if (spec.budget)
    problems.push(...unknownIn(budgets, ['budget', 'rule'], spec.budget.rule), ...problemsOfMeasured(spec.budget));
  if (spec.launch) problems.push(...problemsOfLaunch(spec.launch, catalogue));
  if (problems.length > 0) throw failureOf(problems, places);
}

function noModel(name: string, { models }: Catalogue): string {
  const allowed = suggest(
    name,
    models.map((model) => model.name),
  );
  return `no model "${name}"; ${allowed}${name.includes('/') ? '; a path begins with ./' : ''}`;
}

function problemsOfLaunch(launch: NonNullable<Spec['launch']>, { launchers }: Catalogue): Problem[] {
  const launcher = launchers.find(({ name }) => name === launch.name);
  if (!launcher) {
    const allowed = suggest(
      launch.name,
      launchers.map(({ name }) => name),
    );
    return [{ path: ['launch', 'name'], on: 'value', text: `no launcher "${launch.name}"; ${allowed}` }];
  }
  const parsed = launcher.keys.safeParse(launch, { reportInput: true, error: requirement });
  if (parsed.success) return [];
  return problemsOf(parsed.error.issues).map((problem) => ({ ...problem, path: ['launch', ...problem.path] }));
}

/** Returns a problem if the registry has no member of this name. */
const unknownIn = (registry: Registry<Named>, path: string[], name: string): Problem[] =>
  registry.find(name) ? [] : [{ path, on: 'value', text: `found "${name}"; ${suggest(name, registry.names)}` }];

/**
 * Returns a problem for each layer or pattern that the model does not have, for each layer that cannot meet what is asked
 * of it, for a budget that the layers left dense exceed, for a choice by a metric that the model does not have, and for
 * no dense training of a model without trained weights.
 */
export function checkAgainstModel(spec: Spec, model: ModelOutline): Problem[] {
  const layers = model.parameters
    .filter(({ kind }) => kind === 'weight')
    .map(({ layer: name, shape }) => ({ name, shape }));
  const { prunable, problems } = layerRules(spec, model.name, layers);
  return [
    ...problems,
    ...(problems.length === 0 ? problemsOfBudget(spec, layers, prunable) : []),
    ...problemsOfChoice(spec, model),
    ...problemsOfStart(spec, model),
  ];
}

function problemsOfMeasured({ rule, measured }: NonNullable<Spec['budget']>): Problem[] {
  const needs = budgets.find(rule)?.dependsOnSensitivity ?? false;
  if (needs === (measured !== undefined)) return [];
  const text = needs
    ? `missing; the rule ${rule} needs the sensitivity.json that prunegrid sensitivity makes`
    : `is for the rule sensitivity, and the rule is ${rule}: take one of the two out`;
  return [{ path: ['budget', 'measured'], on: 'key', text }];
}

function problemsOfBudget(
  { budget }: Spec,
  layers: readonly BudgetLayer[],
  prunable: readonly BudgetLayer[],
): Problem[] {
  const dense = leftDense(layers, prunable);
  if (!budget || dense === 0) return [];
  const kept = keptInAll(layers, budget.ratio);
  if (kept >= dense) return [];
  const text = `found ${budget.ratio}, which keeps ${kept} weights, and only and except leave ${dense} dense: choose a lower ratio, or let more layers be pruned`;
  return [{ path: ['budget', 'ratio'], on: 'value', text }];
}

function problemsOfChoice({ choose, dataset }: Spec, { name, classes = Infinity }: ModelOutline): Problem[] {
  if (choose === 'top5' && dataset.targets === 'values') {
    return [{ path: ['choose'], on: 'value', text: 'found "top5"; a loss of values has no classes: choose loss' }];
  }
  if (choose !== 'top5' || classes > TOP_5_ABOVE) return [];
  return [
    { path: ['choose'], on: 'value', text: `found "top5"; ${name} has ${classes} classes: choose accuracy or loss` },
  ];
}

function problemsOfStart({ dense, weights }: Spec, { name, pretrained }: ModelOutline): Problem[] {
  if (dense.epochs > 0 || pretrained !== undefined || weights !== undefined) return [];
  const text = `found 0; ${name} comes without trained weights, so there is nothing to prune: train for some epochs, or name the file of its weights`;
  return [{ path: ['dense', 'epochs'], on: 'value', text }];
}
