import { suggest } from '@prunegrid/core/text/suggestion';
import type { BudgetLayer } from '@prunegrid/numerics/budgets';
import { atMost, type ConstraintData, constraints } from '@prunegrid/numerics/constraints';
import { sizeOf } from '@prunegrid/numerics/shape';

import { fits, isPattern } from './layer-patterns.js';
import type { Problem } from './problems.js';
import type { Spec } from './spec.js';

/** The keys of a spec that say which layers are pruned, and to what. */
export type PruningKeys = Pick<Spec, 'keep' | 'budget' | 'constraints' | 'only' | 'except'>;

/** What a spec says of a network's layers. */
export interface LayerRules {
  /** The layers that `only` and `except` let be pruned, in the network's order. */
  prunable: BudgetLayer[];
  /** The constraints that `keep` and `constraints` give to layers, by the layer's name. */
  held: Map<string, ConstraintData>;
  /** What does not fit the network. If there are any, the rest is not to be used. */
  problems: Problem[];
}

/** An entry of `keep` or `constraints`, and the layers that it is about. */
interface Entry {
  path: ['keep' | 'constraints', string];
  /** A number of weights, a share of them, or a constraint. */
  value: number | string | ConstraintData;
  layers: readonly BudgetLayer[];
}

/**
 * Finds out which layers a spec prunes. A key of `keep` and `constraints` is a layer's name or a pattern, see `fits`. Of
 * several that a layer fits, the one counts that fits the fewest layers, if all the others fit these layers as well; a
 * name counts before every pattern. `only` and `except` leave layers out of what patterns and budgets are about.
 * @param name of the network, for messages
 * @param layers all layers with weights
 */
export function layerRules(spec: PruningKeys, name: string, layers: readonly BudgetLayer[]): LayerRules {
  const problems: Problem[] = [];
  const names = layers.map((layer) => layer.name);
  const isNamed = (key: 'only' | 'except') => {
    const listed = spec[key];
    listed?.forEach((pattern, i) => {
      if (names.some((each) => fits(each, pattern))) return;
      problems.push({ path: [key, i], on: 'value', text: unknownLayer(name, pattern, names) });
    });
    return listed && ((layer: BudgetLayer) => listed.some((pattern) => fits(layer.name, pattern)));
  };
  const [isOnly, isExcept] = [isNamed('only'), isNamed('except')];
  const prunable = layers.filter((layer) => (isOnly?.(layer) ?? true) && !isExcept?.(layer));
  if (prunable.length === 0 && problems.length === 0) {
    const key = spec.except ? 'except' : 'only';
    problems.push({ path: [key], on: 'value', text: `leaves no layer of ${name} to prune: take some out` });
  }
  const entries = entriesOf(spec).flatMap(([path, value]): Entry[] => {
    const found = layersOf(path, name, layers, prunable);
    if ('text' in found) problems.push(found);
    return 'text' in found ? [] : [{ path, value, layers: found }];
  });
  const held = new Map<string, ConstraintData>();
  for (const layer of prunable) {
    const found = mostSpecific(layer, entries);
    if (!found) continue;
    const data = 'text' in found ? found : constraintFrom(found, layer);
    if ('text' in data) problems.push(data as Problem);
    else held.set(layer.name, data);
  }
  return { prunable, held, problems: withoutRepeats(problems) };
}

const entriesOf = ({ keep = {}, constraints = {} }: PruningKeys): [Entry['path'], Entry['value']][] => [
  ...Object.entries(keep).map(([key, value]): [Entry['path'], number | string] => [['keep', key], value]),
  ...Object.entries(constraints).map(([key, value]): [Entry['path'], ConstraintData] => [['constraints', key], value]),
];

/** Returns the layers that a key of `keep` or `constraints` is about, or why it is about none. */
function layersOf(
  path: Entry['path'],
  model: string,
  layers: readonly BudgetLayer[],
  prunable: readonly BudgetLayer[],
): BudgetLayer[] | Problem {
  const [, key] = path;
  // A layer may have such signs in its own name.
  const named = layers.filter(({ name }) => name === key);
  const fitting = named.length > 0 ? named : layers.filter(({ name }) => fits(name, key));
  if (fitting.length === 0) {
    const names = layers.map(({ name }) => name);
    return { path, on: 'key', text: unknownLayer(model, key, names) };
  }
  const found = fitting.filter((layer) => prunable.includes(layer));
  if (found.length > 0) return found;
  return { path, on: 'key', text: 'is left out of what is pruned by only or except: take one of the two out' };
}

const unknownLayer = (model: string, key: string, names: readonly string[]): string =>
  isPattern(key)
    ? `fits no layer of ${model}; ${suggest(key, names)}`
    : `${model} has no such layer; ${suggest(key, names)}`;

/** Returns the entry that counts for a layer, or why it is not clear which one does. */
function mostSpecific(layer: BudgetLayer, entries: readonly Entry[]): Entry | Problem | undefined {
  const candidates = entries.filter(({ layers }) => layers.includes(layer));
  const named = candidates.filter(({ path }) => path[1] === layer.name);
  const [best, next] = (named.length > 0 ? named : candidates).toSorted((a, b) => a.layers.length - b.layers.length);
  if (!next) return best;
  const other = (named.length > 0 ? named : candidates).find(
    (each) => each !== best && (each.layers.length === best.layers.length || !covers(each, best)),
  );
  if (!other) return best;
  const [earlier, later] = [best, other].toSorted((a, b) => entries.indexOf(a) - entries.indexOf(b));
  const text =
    named.length > 0
      ? `keep says how many weights of ${layer.name} stay: take one of the two out`
      : `${earlier.path.join('.')} is also about ${layer.name}, and neither is the narrower one: name the layer itself, or narrow one of the two`;
  return { path: later.path, on: 'key', text };
}

const covers = (wide: Entry, narrow: Entry): boolean => narrow.layers.every((layer) => wide.layers.includes(layer));

/** Returns the constraint that an entry gives to a layer, or why the layer cannot have it. */
function constraintFrom({ path, value }: Entry, { name, shape }: BudgetLayer): ConstraintData | Problem {
  const weights = sizeOf(shape);
  if (typeof value === 'object') {
    const constraint = constraints.find(value.kind);
    if (!constraint) {
      const text = `found "${value.kind}"; ${suggest(value.kind, constraints.names)}`;
      return { path: [...path, 'kind'], on: 'value', text };
    }
    const problem = constraint.problem(value, shape);
    if (problem === undefined) return value;
    return { path, on: 'value', text: path[1] === name ? problem : `${name}: ${problem}` };
  }
  const data = atMost(typeof value === 'number' ? value : Math.round((Number.parseFloat(value) / 100) * weights));
  if (constraints.get('cardinality').problem(data, shape) === undefined) return data;
  return { path, on: 'value', text: `found ${value}; ${name} has ${weights} weights, keep at most that` };
}

/** An entry with the same problem in many layers is named once. */
function withoutRepeats(problems: readonly Problem[]): Problem[] {
  const first = new Map<string, Problem>();
  for (const problem of problems) {
    const key = problem.path.join('\0');
    if (!first.has(key)) first.set(key, problem);
  }
  return [...first.values()];
}
