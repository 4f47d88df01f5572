/** The shape of a convolution's kernel, [...positions, in / groups, out], or of a dense layer's matrix, [in, out]. */
export type WeightShape = readonly [...positions: number[], inputs: number, outputs: number];

/** The name that stands for the network's input in `reads`. No unit of the input is dead. */
const INPUT = 'input';

/** A layer of a graph, in which the units of some layers are the inputs of others. */
export interface ConnectedLayer {
  name: string;
  shape: WeightShape;
  /** Positions of the kept weights in the flattened tensor; `dense` if the layer is not pruned. */
  support: Uint32Array | 'dense';
  /**
   * The layers that this layer reads, which must precede it, or `input`. By default it reads the preceding layer; the
   * first layer reads the input.
   */
  reads?: readonly string[];
  /**
   * How the layer combines what it reads: it adds layers that have equally many units (the default), or it concatenates
   * their units.
   */
  combination?: 'add' | 'concatenate';
  /**
   * The number of groups of a convolution, 1 by default. The output units are as many equal parts, and each part reads
   * only the corresponding part of the input units.
   */
  groups?: number;
}

/** The dead units of one layer. Units are output channels or neurons, given by number in ascending order. */
export interface DeadUnits {
  layer: string;
  /** The number of the layer's units. If `dead` has as many elements, the whole layer is dead. */
  of: number;
  /** Units that no path of kept weights connects to the network's input. Their output is constant. */
  unfed: number[];
  /** Units that no path of kept weights connects to the network's output. Their output has no effect. */
  unread: number[];
  /** The units that are in `unfed` or `unread`. */
  dead: number[];
}

/** The layers that a layer reads, with the position of each among the layer's input units. */
interface Inputs {
  sources: { name: string; first: number; units: number }[];
  units: number;
}

/**
 * Finds the dead units of each layer, which occur at extreme sparsity; layers without dead units are left out. Biases
 * are ignored: a unit with only a bias is dead. The layers that no other layer reads are the network's output.
 *
 * If a dense layer reads a convolution, the convolution's output is flattened with channels last, in the row order (h*W
 * + w)*C + c.
 *
 * @throws {RangeError} if a layer's shape does not fit what it reads, or it reads a layer that does not precede it
 */
export function findDeadUnits(layers: readonly ConnectedLayer[]): DeadUnits[] {
  const inputs = inputsOf(layers);
  const fed = new Map<string, Uint8Array>();
  layers.forEach((layer, l) => {
    const { sources, units } = inputs[l];
    const feeding = new Uint8Array(units);
    for (const { name, first, units: count } of sources) {
      const source = fed.get(name) ?? new Uint8Array(count).fill(1);
      source.forEach((isFed, unit) => (feeding[first + unit] |= isFed));
    }
    const outputs = new Uint8Array(unitsOf(layer));
    forEachConnection(layer, units, (input, output) => {
      if (feeding[input]) outputs[output] = 1;
    });
    fed.set(layer.name, outputs);
  });

  const isRead = new Set(inputs.flatMap(({ sources }) => sources.map(({ name }) => name)));
  const read = new Map(
    layers.map((layer) => [layer.name, new Uint8Array(unitsOf(layer)).fill(isRead.has(layer.name) ? 0 : 1)]),
  );
  for (let l = layers.length - 1; l >= 0; l--) {
    const { sources, units } = inputs[l];
    const readers = read.get(layers[l].name) as Uint8Array;
    const reading = new Uint8Array(units);
    forEachConnection(layers[l], units, (input, output) => {
      if (readers[output]) reading[input] = 1;
    });
    for (const { name, first } of sources) {
      read.get(name)?.forEach((_isRead, unit, own) => (own[unit] |= reading[first + unit]));
    }
  }

  return layers
    .map(({ name }) => {
      const [isFed, hasReader] = [fed.get(name), read.get(name)] as [Uint8Array, Uint8Array];
      return {
        layer: name,
        of: isFed.length,
        unfed: positionsWhere(isFed, (unit) => !isFed[unit]),
        unread: positionsWhere(isFed, (unit) => !hasReader[unit]),
        dead: positionsWhere(isFed, (unit) => !isFed[unit] || !hasReader[unit]),
      };
    })
    .filter(({ dead }) => dead.length > 0);
}

/** Returns what each layer reads. Throws a RangeError if the shapes do not fit. */
function inputsOf(layers: readonly ConnectedLayer[]): Inputs[] {
  const units = new Map<string, number>();
  return layers.map((layer, l) => {
    const { reads = [l === 0 ? INPUT : layers[l - 1].name], combination = 'add' } = layer;
    const known = reads.map((name) => {
      const count = units.get(name);
      if (count === undefined && name !== INPUT) {
        throw new RangeError(`${layer.name} reads ${name}, which does not stand before it`);
      }
      return count;
    });
    const counts = known.filter((count) => count !== undefined);
    const sum = counts.reduce((total, count) => total + count, 0);
    const rows = rowsOf(layer);
    // The number of units of the network's input follows from the layer's shape and its other sources.
    const unitsOfInput = combination === 'add' ? (counts[0] ?? rows) : rows - sum;
    const all = known.map((count) => count ?? unitsOfInput);
    if (combination === 'add' && all.some((count) => count !== all[0])) {
      throw new RangeError(`${layer.name} adds layers of ${all.join(' and ')} units`);
    }
    const total = combination === 'add' ? all[0] : all.reduce((running, count) => running + count, 0);
    const fits = layer.shape.length === 2 ? rows % total === 0 : rows === total;
    if (!fits) throw new RangeError(`${layer.name} has ${rows} inputs, what it reads ${total} units`);
    units.set(layer.name, unitsOf(layer));
    let first = 0;
    const sources = reads.map((name, i) => {
      const source = { name, first, units: all[i] };
      if (combination === 'concatenate') first += all[i];
      return source;
    });
    return { sources, units: total };
  });
}

/** Returns the number of the layer's inputs at each position of the kernel, those of all groups together. */
function rowsOf({ shape, groups = 1 }: ConnectedLayer): number {
  return shape[shape.length - 2] * groups;
}

function unitsOf({ shape }: ConnectedLayer): number {
  return shape[shape.length - 1];
}

/** Visits the connections that `layer` keeps as pairs of units: one of its `inputUnits` and one of its own units. */
function forEachConnection(
  layer: ConnectedLayer,
  inputUnits: number,
  visit: (input: number, output: number) => void,
): void {
  const outputs = unitsOf(layer);
  const { groups = 1 } = layer;
  const [inputsOfGroup, outputsOfGroup] = [rowsOf(layer) / groups, outputs / groups];
  if (layer.support === 'dense') {
    for (let output = 0; output < outputs; output++) {
      const first = Math.floor(output / outputsOfGroup) * (inputUnits / groups);
      for (let input = first; input < first + inputUnits / groups; input++) visit(input, output);
    }
    return;
  }
  for (const position of layer.support) {
    const output = position % outputs;
    const row = Math.floor(output / outputsOfGroup) * inputsOfGroup + (Math.floor(position / outputs) % inputsOfGroup);
    visit(row % inputUnits, output);
  }
}

function positionsWhere(units: Uint8Array, condition: (unit: number) => boolean): number[] {
  return Array.from(units.keys()).filter(condition);
}
