import { sizeOf } from '@prunegrid/numerics/shape';

import type { Value } from '../lowering/body.js';
import type { Parameter, ProgramBody } from '../lowering/program.js';
import { type Place, shiftsOf } from './random.js';

/**
 * How examples lie in the device's memory: as models read them, because a device may divide by other bits than the host.
 */
export interface StoredExamples {
  /** The number of examples. */
  readonly count: number;
  /** The shape of an example as models read it. */
  readonly shape: readonly number[];
  readonly type: 'float32' | 'int32';
  /** How many pixels of zeros are stored around each image, from which translated images are cut. */
  readonly border: number;
}

/** Values of a program that hold stored examples. */
export type ExampleValues = Readonly<Record<'images' | 'labels', Value>>;

/** Returns the parameters of a program that reads stored examples. */
export function parametersOf(stored: StoredExamples): Record<string, Parameter> {
  const { count, shape, type, border } = stored;
  const channels = shape.at(-1) ?? 1;
  const whole = border > 0 ? [shape[0] + 2 * border, shape[1] + 2 * border, channels] : shape;
  return {
    images: { shape: [count, ...whole], type },
    labels: { shape: [count], type: 'int32' },
  };
}

/** Examples as a model reads them. */
export interface Examples {
  readonly inputs: Value;
  readonly labels: Value;
}

/** Writes the examples of these rows, [examples], each translated as training does if the images have a border. */
export function examplesAt(
  body: ProgramBody,
  stored: StoredExamples,
  { images, labels }: ExampleValues,
  rows: Value,
  place?: Place,
): Examples {
  const { shape, border } = stored;
  const [count] = rows.shape;
  let taken: Value;
  if (border > 0 && place) {
    const shifts = shiftsOf(body, place, count, border);
    // A translation downwards by d pixels reads from d pixels further up.
    const corners = body.binary('subtract', body.scalar(2 * border, 'int32'), shifts);
    const positions = body.concatenate([body.reshape(rows, [count, 1]), corners], 1);
    taken = body.windows(images, positions, shape[0], shape[1]);
  } else {
    taken = body.gather(images, rows, 0);
  }
  return { inputs: taken, labels: body.gather(labels, rows, 0) };
}

/** Writes the `count` examples from a scalar of type int32 on, as they are evaluated. */
export function examplesFrom(
  body: ProgramBody,
  stored: StoredExamples,
  { images, labels }: ExampleValues,
  first: Value,
  count: number,
): Examples {
  const zero = body.scalar(0, 'int32');
  const taken = body.dynamicSlice(images, [first, ...stored.shape.map(() => zero)], [count, ...stored.shape]);
  return { inputs: taken, labels: body.dynamicSlice(labels, [first], [count]) };
}

/** Returns the bytes that stored examples take on the device. */
export function bytesOf(stored: StoredExamples): number {
  const { images } = parametersOf(stored);
  return 4 * (sizeOf(images.shape) + stored.count);
}
