import type { Clock } from '@prunegrid/core/runtime';
import { INPUT, type Layer, type ModelDescription, type Parameter } from './model.js';

/** Elements that are put in order without a pause: 2 MiB of a file, and some 3 ms where the caches miss. */
const PIECE = 2 ** 19;

/** Side of the square tiles in which a matrix is transposed, in elements: as many as a cache line of 64 bytes holds. */
const TILE = 16;

/**
 * How a parameter's elements lie in the model's vector and in a file. That of output o, channel c and cell p (a place in an image or
 * a kernel) lies at (p * channels + c) * outputs + o in the vector and at (o * channels + c) * cells + p in the file.
 */
export interface FileOrder {
  /** In the file. */
  shape: number[];
  outputs: number;
  channels: number;
  positions: number;
}

export function fileOrder(model: ModelDescription, parameter: Parameter): FileOrder {
  const { kind, shape } = parameter;
  if (kind !== 'weight') return { shape, outputs: shape[0], channels: 1, positions: 1 };
  if (shape.length === 4) {
    const [height, width, channels, outputs] = shape;
    return { shape: [outputs, channels, height, width], outputs, channels, positions: height * width };
  }
  const [inputs, outputs] = shape;
  const channels = channelsBefore(model, parameter);
  return { shape: [outputs, inputs], outputs, channels, positions: inputs / channels };
}

/** Channels of the image that a dense layer flattens: those of the convolutions that it reads, or the input's; 1 behind a dense layer. */
function channelsBefore({ parameters, layers, input }: ModelDescription, { layer }: Parameter): number {
  const { reads, combination } = layers.find(({ name }) => name === layer) as Layer;
  const channels = reads.map((name) => {
    if (name === INPUT) return input.shape.length > 1 ? (input.shape.at(-1) as number) : 1;
    const { shape } = parameters.find((each) => each.layer === name && each.kind === 'weight') as Parameter;
    return shape.length === 4 ? shape[3] : 1;
  });
  return combination === 'add' ? channels[0] : channels.reduce((sum, count) => sum + count, 0);
}

/** A parameter's elements in the file's order, in pieces that take each other's memory: each is good until the next is asked for. */
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

/** Puts the elements of a file's tensor into `values`, in the model's order, and pauses in between. */
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

/** At most PIECE elements that follow each other in the file: `height` outputs with the same `width` inputs. */
interface Block {
  /** In the file: the first element, and the one after the last. */
  begin: number;
  end: number;
  firstOutput: number;
  height: number;
  /** In the file's order. */
  firstInput: number;
  width: number;
}

/** The blocks of a tensor in the file's order: of several outputs with all their inputs, or where those are too many, of a part of one. */
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
 * Visits the elements of a block in strips, TILE of which make a tile: `count` outputs of one input, which follow each other from
 * `ours` on in the model's order, and stand `width` apart from `theirs` on in the block.
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
