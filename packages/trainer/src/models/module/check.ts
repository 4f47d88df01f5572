import { Failure } from '@prunegrid/core/failure';
import { sizeOf } from '@prunegrid/numerics/shape';
import { z } from 'zod';

import type { Model, ModelDescription } from '../model.js';
import { traceTraining } from '../trace/forward.js';
import { traceModel } from '../trace/trace.js';

const count = z.number().int().positive();
const shape = z.array(count);

/** What a module returns. The forward pass is tried out afterwards. */
const schema = z.object({
  parameters: z
    .array(
      z.object({
        name: z.string().min(1),
        layer: z.string().min(1),
        kind: z.enum(['weight', 'embedding', 'bias', 'scale', 'state']),
        shape,
        offset: z.number().int().min(0),
        size: count,
        initial: z.number().exactOptional(),
      }),
    )
    .min(1),
  layers: z
    .array(
      z.object({
        name: z.string().min(1),
        kind: z.enum(['convolution', 'dense', 'recurrent']),
        weights: count,
      }),
    )
    .min(1),
  size: count,
  input: z.object({ shape, type: z.enum(['float32', 'int32']) }),
  classes: count,
  dropouts: z.array(z.object({ name: z.string().min(1), shape, rate: z.number().min(0).lt(1).exactOptional() })),
  forward: z.custom<Model['forward']>((value) => typeof value === 'function', { error: 'must be a function' }),
});

/**
 * Returns what a module has made as a model, after its forward pass was tried out with shapes.
 * @throws {Failure} `input`, one line that names the file and every member that is wrong
 */
export function requireModel(path: string, name: string, made: unknown): Model {
  const parsed = schema.safeParse(made);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path: at, message }) => `${at.join('.') || 'its result'}: ${message}`);
    throw failure(path, problems);
  }
  const model = { ...(made as Omit<Model, 'name'>), name };
  const problems = [...problemsOfLayout(model)];
  if (problems.length > 0) throw failure(path, problems);
  requireForward(path, model);
  return model;
}

const failure = (path: string, problems: readonly string[]): Failure =>
  new Failure(
    'input',
    `${path}: makes no model: ${problems.join('; ')}: spread what layOut returns, and see docs/extending.md`,
  );

function* problemsOfLayout({ parameters, layers, size, dropouts }: ModelDescription): Generator<string> {
  let end = 0;
  for (const parameter of parameters) {
    const { name, shape, offset } = parameter;
    if (offset !== end || parameter.size !== sizeOf(shape)) {
      yield `${name} must begin at ${end} and have the size of its shape, ${sizeOf(shape)}`;
    }
    end = offset + parameter.size;
  }
  if (size !== end) yield `size is ${size}, and the parameters have ${end} elements`;
  const weights = parameters.filter(({ kind }) => kind === 'weight');
  const named = (list: readonly { name: string; count: number }[]) =>
    list.map(({ name, count: elements }) => `${name} ${elements}`).join();
  const ofLayers = layers.map(({ name, weights: elements }) => ({ name, count: elements }));
  const ofWeights = weights.map(({ layer, size: elements }) => ({ name: layer, count: elements }));
  if (named(ofLayers) !== named(ofWeights))
    yield 'layers must be those of the parameters of kind "weight", in their order';
  for (const [what, names] of [
    ['parameters', parameters.map(({ name }) => name)],
    ['dropouts', dropouts.map(({ name }) => name)],
  ] as const) {
    const twice = names.find((name, i) => names.indexOf(name) < i);
    if (twice !== undefined) yield `${what} has ${twice} twice`;
  }
}

function requireForward(path: string, model: Model): void {
  const inMessages = { ...model, name: path };
  const { output } = traceModel(inMessages);
  traceTraining(inMessages);
  if (output.length === 1 && output[0] === model.classes) return;
  throw new Failure(
    'input',
    `${path}: forward returns logits of shape [batch${output.map((extent) => `, ${extent}`).join('')}], and classes says [batch, ${model.classes}]: change one of the two`,
  );
}
