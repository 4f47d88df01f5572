import type { Clock } from '@prunegrid/core/runtime';
import { INPUT, type Layer, type ModelDescription, type Parameter } from './model.js';
import type { Use } from './roles.js';

/**
 * The number of elements that are reordered without a pause: 2 MiB of a file, which take about 3 ms if the caches miss.
 */
const PIECE = 2 ** 19;

/**
 * The side of the square tiles in which a matrix is transposed, in elements. It is the number of elements in a cache
 * line of 64 bytes.
 */
const TILE = 16;

/**
 * Describes the order of a parameter's elements in the model's vector and in a file. The element of output o, channel c
 * and cell p (a position in an image or a kernel) has the index (p * channels + c) * outputs + o in the vector and (o *
 * channels + c) * cells + p in the file.
 */
export interface FileOrder {
  /** The shape of the tensor in the file. */
  shape: number[];
  outputs: number;
  channels: number;
  positions: number;
}

export function fileOrder(model: ModelDescription, parameter: Parameter): FileOrder {
  const { kind, shape } = parameter;
  // Whatever else has several axes, such as an embedding, is in the same order in both.
  if (kind !== 'weight') return { shape, outputs: parameter.size, channels: 1, positions: 1 };
  if (shape.length === 4) {
    const [height, width, channels, outputs] = shape;
    return { shape: [outputs, channels, height, width], outputs, channels, positions: height * width };
  }
  if (shape.length === 3) {
    const [length, channels, outputs] = shape;
    return { shape: [outputs, channels, length], outputs, channels, positions: length };
  }
  const [inputs, outputs] = shape;
  const channels = channelsBefore(model, parameter);
  return { shape: [outputs, inputs], outputs, channels, positions: inputs / channels };
}

/** Returns how a parameter's elements lie in the part of the file's tensor that holds them. */
export function orderInFile(
  { shape, size }: Parameter,
  { swapped, stacked }: Pick<Use, 'swapped' | 'stacked'>,
): FileOrder {
  if (!swapped && !stacked) return { shape, outputs: size, channels: 1, positions: 1 };
  const [inputs, outputs] = shape.slice(-2);
  const positions = size / inputs / outputs;
  return { shape, outputs, channels: inputs, positions };
}

/**
 * Returns the number of channels of the image that a dense layer flattens: the channels of the convolutions that it
 * reads, or of the model's input. It is 1 if the layer reads a dense layer.
 */
function channelsBefore({ parameters, layers, input }: ModelDescription, { layer }: Parameter): number {
  const { reads, combination } = layers.find(({ name }) => name === layer) as Layer;
  // Networks from files flatten as their files do, channels first, so that the inputs are in the file's order.
  if (!reads) return 1;
  const channels = reads.map((name) => {
    if (name === INPUT) return input.shape.length > 1 ? (input.shape.at(-1) as number) : 1;
    const { shape } = parameters.find((each) => each.layer === name && each.kind === 'weight') as Parameter;
    return shape.length === 4 ? shape[3] : 1;
  });
  return combination === 'add' ? channels[0] : channels.reduce((sum, count) => sum + count, 0);
}

/**
 * Yields a parameter's elements in the file's order, in pieces. All pieces use the same memory, so each is valid until
 * the next one is requested.
 */
export function* inFileOrder(order: FileOrder, values: Float32Array): Generator<Float32Array> {
  const memory = new Float32Array(Math.min(PIECE, values.length));
  for (const block of blocksOf(order)) {
    const piece = memory.subarray(0, block.end - block.begin);
    const { width } = block;
    visitStrips(order, block, (ours, theirs, count) => {
      for (let k = 0; k < count; k++) piece[theirs + k * width] = values[ours + k];
    });
    yield piece;
  }
}

/**
 * Copies the elements of a file's tensor to `values` in the model's order. It pauses regularly, so that the event loop
 * is not blocked.
 */
export async function inModelOrder(
  clock: Pick<Clock, 'turn'>,
  order: FileOrder,
  stored: Float32Array,
  values: Float32Array,
): Promise<void> {
  for (const block of blocksOf(order)) {
    if (block.begin > 0) await clock.turn();
    const piece = stored.subarray(block.begin, block.end);
    const { width } = block;
    visitStrips(order, block, (ours, theirs, count) => {
      for (let k = 0; k < count; k++) values[ours + k] = piece[theirs + k * width];
    });
  }
}

/** A block of at most PIECE elements that are contiguous in the file: `height` outputs with the same `width` inputs. */
interface Block {
  /** The indices in the file of the first element and of the one after the last. */
  begin: number;
  end: number;
  firstOutput: number;
  height: number;
  /** The first input of the block, counted in the file's order. */
  firstInput: number;
  width: number;
}

/**
 * Yields the blocks of a tensor in the file's order. A block has several outputs with all their inputs, or a part of
 * the inputs of one output if all of them would be too many.
 */
function* blocksOf({ outputs, channels, positions: cells }: FileOrder): Generator<Block> {
  const inputs = channels * cells;
  const widest = Math.min(inputs, PIECE);
  const highest = Math.floor(PIECE / widest);
  for (let firstOutput = 0; firstOutput < outputs; firstOutput += highest) {
    const height = Math.min(highest, outputs - firstOutput);
    for (let firstInput = 0; firstInput < inputs; firstInput += widest) {
      const width = Math.min(widest, inputs - firstInput);
      const begin = firstOutput * inputs + firstInput;
      yield { begin, end: begin + height * width, firstOutput, height, firstInput, width };
    }
  }
}

/**
 * Visits the elements of a block in strips; TILE strips form a tile. A strip has `count` outputs of one input. They are
 * contiguous in the model's order, starting at `ours`, and `width` elements apart in the block, starting at `theirs`.
 */
function visitStrips(
  { outputs, channels, positions: cells }: FileOrder,
  { firstOutput, height, firstInput, width }: Block,
  visit: (ours: number, theirs: number, count: number) => void,
): void {
  for (let left = 0; left < width; left += TILE) {
    const right = Math.min(left + TILE, width);
    for (let top = 0; top < height; top += TILE) {
      const count = Math.min(TILE, height - top);
      for (let column = left; column < right; column++) {
        const input = firstInput + column;
        const row = (input % cells) * channels + Math.floor(input / cells);
        visit(row * outputs + firstOutput + top, top * width + column, count);
      }
    }
  }
}
