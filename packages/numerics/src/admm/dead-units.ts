/** A convolution's kernel as [height, width, in, out], or a dense layer's matrix as [in, out]. */
export type WeightShape = readonly [number, number, number, number] | readonly [number, number];

/** One layer of a chain in which each layer's units are the next one's inputs. */
export interface ConnectedLayer {
  name: string;
  shape: WeightShape;
  /** Positions of the kept weights in the flattened tensor; `dense` where the layer is not pruned. */
  support: Uint32Array | 'dense';
}

/** Units (output channels or neurons, by number, ascending) of one layer that no longer carry anything. */
export interface DeadUnits {
  layer: string;
  /** Units of the layer. The whole layer is dead where `dead` lists as many. */
  of: number;
  /** No path of kept weights leads here from the network's input: the unit is constant. */
  unfed: number[];
  /** No path of kept weights leads from here to the network's output: nothing reads the unit. */
  unread: number[];
  /** Either of the two. */
  dead: number[];
}

/**
 * Units that extreme sparsity has cut off, for each layer that has any. Biases do not count: a unit with a bias alone is dead.
 *
 * A convolution that feeds a dense layer is flattened channels last, row (h*W + w)*C + c.
 *
 * @throws {RangeError} two neighbours' shapes do not fit together.
 */
export function findDeadUnits(layers: readonly ConnectedLayer[]): DeadUnits[] {
  const fed: Uint8Array[] = [];
  layers.forEach((layer, l) => {
    const inputs = l === 0 ? new Uint8Array(inputsOf(layer)).fill(1) : fed[l - 1];
    requireFit(layer, inputs.length);
    const outputs = new Uint8Array(unitsOf(layer));
    forEachConnection(layer, inputs.length, (input, output) => {
      if (inputs[input]) outputs[output] = 1;
    });
    fed.push(outputs);
  });

  const read: Uint8Array[] = [];
  for (let l = layers.length - 1; l >= 0; l--) {
    const units = new Uint8Array(unitsOf(layers[l]));
    read[l] = units;
    if (l === layers.length - 1) {
      units.fill(1);
    } else {
      const readers = read[l + 1];
      forEachConnection(layers[l + 1], units.length, (input, output) => {
        if (readers[output]) units[input] = 1;
      });
    }
  }

  return layers
    .map(({ name }, l) => ({
      layer: name,
      of: fed[l].length,
      unfed: positionsWhere(fed[l], (unit) => !fed[l][unit]),
      unread: positionsWhere(read[l], (unit) => !read[l][unit]),
      dead: positionsWhere(fed[l], (unit) => !fed[l][unit] || !read[l][unit]),
    }))
    .filter(({ dead }) => dead.length > 0);
}

function inputsOf({ shape }: ConnectedLayer): number {
  return shape[shape.length - 2];
}

function unitsOf({ shape }: ConnectedLayer): number {
  return shape[shape.length - 1];
}

function requireFit(layer: ConnectedLayer, units: number): void {
  const inputs = inputsOf(layer);
  const fits = layer.shape.length === 2 ? inputs % units === 0 : inputs === units;
  if (!fits) throw new RangeError(`${layer.name} has ${inputs} inputs, the layer before it ${units} units`);
}

/** Visits the connections that `layer` keeps, as pairs of units: one of the `inputUnits` before the layer, one of its own. */
function forEachConnection(
  layer: ConnectedLayer,
  inputUnits: number,
  visit: (input: number, output: number) => void,
): void {
  const outputs = unitsOf(layer);
  if (layer.support === 'dense') {
    for (let input = 0; input < inputUnits; input++) {
      for (let output = 0; output < outputs; output++) visit(input, output);
    }
    return;
  }
  const inputs = inputsOf(layer);
  for (const position of layer.support) {
    const row = Math.floor(position / outputs) % inputs;
    visit(row % inputUnits, position % outputs);
  }
}

function positionsWhere(units: Uint8Array, condition: (unit: number) => boolean): number[] {
  return Array.from(units.keys()).filter(condition);
}
