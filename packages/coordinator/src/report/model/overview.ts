import { type BudgetLayer, budgets, keepsFor } from '@prunegrid/numerics/budgets';
import type { DatasetDescription } from '@prunegrid/trainer/datasets';
import {
  fileShape,
  isModelPath,
  type Layer,
  type Model,
  modelTitle,
  type Parameter,
  parseReference,
} from '@prunegrid/trainer/models';
import { type ModelTrace, traceModel } from '@prunegrid/trainer/models/trace';

import { constraintsOf, leftDense } from '../../experiment/constraints.js';
import { layerRules } from '../../experiment/layer-rules.js';
import type { Spec } from '../../experiment/spec.js';
import type { Measured } from '../../experiment/sensitivity-file.js';
import { keptIn } from '../../training/layers.js';

/** A layer with weights. Shapes have no axis of examples, and images are [height, width, channels]. */
export interface LayerOverview {
  name: string;
  kind: Layer['kind'];
  /** The shape of the weights as in files: [out, in / groups, height, width] or [out, in]. */
  shape: number[];
  /** The number of groups of a convolution, if it has several. */
  groups?: number;
  /** What the layer reads and returns; absent if the network never multiplies by its weights. */
  input?: number[];
  output?: number[];
  weights: number;
  multiplyAccumulates: number;
  /** Whether the layer is pruned: by the experiment, or else by any experiment that names no layers. */
  pruned: boolean;
  /** Why it is not. */
  reason?: string;
  /** The weights that the experiment keeps, if that is known before it has run. */
  keep?: number;
}

/** A tensor of a network's parameters. */
export interface ParameterOverview {
  name: string;
  kind: Parameter['kind'];
  shape: number[];
  size: number;
  sharedBy?: readonly string[];
}

/** What is known of a network without an engine. */
export interface ModelOverview {
  /** The registered name, or the name of the file. */
  name: string;
  /** Present if the network is in a file. */
  file?: { path: string; sha256?: string; format?: string; producer?: string };
  /** The shape and the type of one example, and where the file has the channels of images. */
  input: { shape: number[]; type: string; channels?: 'first' | 'last' };
  classes: number;
  dropouts: { name: string; rate: number }[];
  layers: LayerOverview[];
  /** All parameters. Those that are not of the kind `weight` are never pruned. */
  parameters: ParameterOverview[];
  totals: {
    parameters: number;
    weights: number;
    /** The weights of the layers that are pruned. */
    prunable: number;
    multiplyAccumulates: number;
    /** The part of these that is of no layer, such as that of attention. */
    otherMultiplyAccumulates: number;
  };
  /** The data that the experiment names, and what the network gets of their values. */
  data?: DatasetDescription & { name: string };
  /** The weights that each budget rule keeps of each layer at a compression ratio. */
  suggestions?: Suggestions;
}

export interface Suggestions {
  ratio: number;
  /** By the rule's name, then the layer's. */
  keeps: Record<string, Record<string, number>>;
  /** Why a rule cannot be asked, by its name. */
  without: Record<string, string>;
}

/**
 * Describes a network.
 * @param reference the name by which the model was loaded
 * @param options.spec the experiment that says what is pruned; by default every layer is
 * @param options.measured what the measurement of the experiment's budget says, if it names one
 * @param options.ratio the compression ratio of the whole network for which keeps are suggested
 * @throws {Failure} `input` if the network's shapes cannot be worked out, or the ratio cannot be reached
 */
export async function overviewOf(
  reference: string,
  model: Model,
  {
    spec,
    ratio,
    measured,
  }: { spec?: Spec | undefined; ratio?: number | undefined; measured?: Measured | undefined } = {},
): Promise<ModelOverview> {
  const trace = traceModel(model);
  const weights = model.parameters.filter(({ kind }) => kind === 'weight');
  const shapes = weights.map(({ layer: name, shape }): BudgetLayer => ({ name, shape }));
  const pruned = spec && layerRules(spec, modelTitle(reference), shapes);
  const keeps = spec && (await keepsOf(spec, model, shapes, measured));
  const layers = model.layers.map((layer): LayerOverview => {
    const reason = reasonOf(layer.name, spec, pruned);
    const keep = keeps?.get(layer.name);
    return {
      ...layerOverview(model, layer, trace),
      pruned: reason === undefined,
      ...(reason !== undefined && { reason }),
      ...(keep !== undefined && { keep }),
    };
  });
  const prunable = pruned ? pruned.prunable : shapes;
  const { path, sha256 } = parseReference(reference);
  const { channels, ...said } = model.file ?? {};
  return {
    name: modelTitle(reference),
    ...(isModelPath(reference) && { file: { path, ...(sha256 !== undefined && { sha256 }), ...said } }),
    input: { shape: [...model.input.shape], type: model.input.type, ...(channels && { channels }) },
    classes: model.classes,
    dropouts: model.dropouts.map(({ name, rate = 0 }) => ({ name, rate })),
    layers,
    parameters: model.parameters.map((parameter) => {
      const { name, kind, size, sharedBy } = parameter;
      return { name, kind, shape: fileShape(model, parameter), size, ...(sharedBy && { sharedBy }) };
    }),
    totals: {
      parameters: model.size,
      weights: layers.reduce((sum, layer) => sum + layer.weights, 0),
      prunable: layers.reduce((sum, layer) => sum + (layer.pruned ? layer.weights : 0), 0),
      multiplyAccumulates: trace.multiplyAccumulates,
      otherMultiplyAccumulates: trace.otherMultiplyAccumulates,
    },
    ...(ratio !== undefined && { suggestions: await suggest(ratio, model, prunable, leftDense(shapes, prunable)) }),
  };
}

function layerOverview(
  model: Model,
  { name, kind, weights }: Layer,
  { layers }: ModelTrace,
): Omit<LayerOverview, 'pruned'> {
  const parameter = model.parameters.find((each) => each.layer === name && each.kind === 'weight') as Parameter;
  const shape = fileShape(model, parameter);
  const { input, output, multiplyAccumulates = 0 } = layers.find((layer) => layer.name === name) ?? {};
  const groups = kind === 'convolution' && input ? (input.at(-1) as number) / shape[1] : 1;
  return {
    name,
    kind,
    shape,
    ...(Number.isInteger(groups) && groups > 1 && { groups }),
    ...(input && { input }),
    ...(output && { output }),
    weights,
    multiplyAccumulates,
  };
}

/** Returns why a layer is not pruned; undefined if it is. */
function reasonOf(
  layer: string,
  spec: Spec | undefined,
  rules: ReturnType<typeof layerRules> | undefined,
): string | undefined {
  if (!spec || !rules) return undefined;
  if (!rules.prunable.some(({ name }) => name === layer)) {
    return spec.except ? (spec.only ? 'by only and except' : 'by except') : 'not in only';
  }
  return spec.budget || rules.held.has(layer) ? undefined : 'not in keep';
}

/** Returns what the experiment keeps of each layer; undefined if it depends on weights that are yet to be trained. */
async function keepsOf(
  spec: Spec,
  { pretrained, parameters }: Model,
  shapes: readonly BudgetLayer[],
  measured: Measured | undefined,
): Promise<Map<string, number> | undefined> {
  const { budget, dense } = spec;
  const depends = budget && budgets.get(budget.rule).dependsOnWeights;
  if (depends && (dense.epochs > 0 || !pretrained)) return undefined;
  const vector = depends ? await pretrained?.() : undefined;
  const held = constraintsOf(spec, shapes, weightsIn(parameters, vector), measured);
  return new Map(
    shapes.flatMap(({ name, shape }) => {
      const constraint = held.get(name);
      return constraint ? [[name, keptIn({ constraint, shape })] as const] : [];
    }),
  );
}

async function suggest(
  ratio: number,
  { name, pretrained, parameters }: Model,
  prunable: readonly BudgetLayer[],
  dense: number,
): Promise<Suggestions> {
  const vector = await pretrained?.();
  const suggestions: Suggestions = { ratio, keeps: {}, without: {} };
  for (const rule of budgets) {
    if (rule.dependsOnSensitivity) {
      suggestions.without[rule.name] = 'needs a measurement: see prunegrid sensitivity';
      continue;
    }
    if (rule.dependsOnWeights && !vector) {
      suggestions.without[rule.name] = `needs trained weights, and ${name} comes without`;
      continue;
    }
    suggestions.keeps[rule.name] = keepsFor({ rule: rule.name, ratio }, prunable, weightsIn(parameters, vector), {
      dense,
    });
  }
  return suggestions;
}

const weightsIn =
  (parameters: readonly Parameter[], vector: Float32Array = new Float32Array()) =>
  (layer: string): Float32Array => {
    const { offset, size } = parameters.find((each) => each.layer === layer && each.kind === 'weight') as Parameter;
    return vector.subarray(offset, offset + size);
  };
