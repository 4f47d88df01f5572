import { fileOrder } from './file-order.js';
import type { ModelDescription, Parameter } from './model.js';

/** Names in a file, by the model's: of parameters, or of layers, whose parameters then begin so. */
export type TensorNames = Readonly<Record<string, string>>;

/** The most problems that a message lists. */
const MOST_LISTED = 50;

/**
 * What PyTorch puts before every name of a network that is wrapped: `module.` by DataParallel and
 * DistributedDataParallel, `_orig_mod.` by torch.compile, `model.` by Lightning's modules and many training loops.
 */
const wrapper = /^(?:(?:module|_orig_mod|model)\.)+/;

/**
 * Finds a model's parameters among the tensors of a file. Unless `names` says how the file calls them, they may have
 * the model's own names or those of one of its layouts, behind a wrapper's prefix or not.
 * @param shapes the shape of each tensor in the file
 * @returns the name of each parameter in the file, and what the file lacks or has in another shape as clauses for the user
 */
export function findTensors(
  model: ModelDescription,
  shapes: ReadonlyMap<string, readonly number[]>,
  names?: TensorNames,
): { found: ReadonlyMap<Parameter, string>; problems: string[] } {
  const prefix = wrapperOf(shapes.keys());
  const layouts = names ? [names] : [{}, ...(model.layouts ?? [])];
  const [best] = layouts
    .map((layout) => {
      const found = new Map(model.parameters.map((each) => [each, prefix + nameIn(layout, each)]));
      const problems = [...found].flatMap(([parameter, name]) => problemOf(model, parameter, name, shapes.get(name)));
      return { found, problems };
    })
    .sort((one, other) => one.problems.length - other.problems.length);
  return best;
}

/** Joins what is wrong with a file to one line. */
export const listed = (problems: readonly string[]): string =>
  [
    ...problems.slice(0, MOST_LISTED),
    ...(problems.length > MOST_LISTED ? [`and ${problems.length - MOST_LISTED} more`] : []),
  ].join('; ');

/** Returns whether the stored tensor has the parameter's shape; programs such as Caffe put axes of 1 before it. */
export function hasShape(model: ModelDescription, parameter: Parameter, stored: readonly number[]): boolean {
  const { shape } = fileOrder(model, parameter);
  const extra = stored.length - shape.length;
  return (
    stored.slice(0, Math.max(0, extra)).every((extent) => extent === 1) && stored.slice(extra).join() === shape.join()
  );
}

function problemOf(
  model: ModelDescription,
  parameter: Parameter,
  name: string,
  stored: readonly number[] | undefined,
): string[] {
  const own = name.endsWith(parameter.name) ? '' : ` for ${parameter.name}`;
  if (!stored) return [`has no tensor ${JSON.stringify(name)}${own}`];
  if (hasShape(model, parameter, stored)) return [];
  const { shape } = fileOrder(model, parameter);
  return [`${name} has shape [${stored.join(', ')}] where ${model.name} has [${shape.join(', ')}]${own}`];
}

function nameIn(names: TensorNames, { name, layer }: Parameter): string {
  const whole = names[name];
  if (whole !== undefined) return whole;
  const ofLayer = names[layer];
  return ofLayer === undefined || !name.startsWith(layer) ? name : ofLayer + name.slice(layer.length);
}

/** Returns the wrappers' prefix that all of the names have, or nothing. */
function wrapperOf(names: Iterable<string>): string {
  const [first = '', ...others] = names;
  const [prefix] = wrapper.exec(first) ?? [''];
  return others.every((name) => name.startsWith(prefix)) ? prefix : '';
}
