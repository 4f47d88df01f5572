import type { ElementType } from '../../recording/nodes.js';

/** The element types of values in programs. Those that no recording has are for random numbers and for norms. */
export type ValueType = ElementType | 'uint32' | 'uint64' | 'float64';

/** A value of a program in StableHLO's text: its name, such as `%v3`, and its type. */
export interface Value {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: ValueType;
}

const MLIR_TYPES: Readonly<Record<ValueType, string>> = {
  float32: 'f32',
  int32: 'i32',
  int64: 'i64',
  uint8: 'ui8',
  bool: 'i1',
  uint32: 'ui32',
  uint64: 'ui64',
  float64: 'f64',
};

/** Returns a tensor's type in MLIR, such as `tensor<2x3xf32>`. */
export const mlirType = ({ shape, type }: Pick<Value, 'shape' | 'type'>): string =>
  `tensor<${[...shape, MLIR_TYPES[type]].join('x')}>`;

export const list = (numbers: readonly number[]): string =>
  numbers.length === 0 ? 'array<i64>' : `array<i64: ${numbers.join(', ')}>`;

/** The precision of products: `HIGHEST` is float32 on every device, `DEFAULT` is TF32 on GPUs that have it. */
export type Precision = 'HIGHEST' | 'DEFAULT';

export interface Convolution {
  /** The order of the dimensions of both inputs and of the result, as StableHLO writes it. */
  dimensions: string;
  shape: readonly number[];
  strides: readonly number[];
  padding: readonly (readonly [number, number])[];
  inputDilation: readonly number[];
  filterDilation: readonly number[];
  groups?: { kind: 'feature' | 'batch'; count: number } | undefined;
}

/** Writes the operations of a function. The operations are those of the StableHLO specification. */
export class Body {
  lines: string[] = [];
  private count = 0;

  constructor(private readonly precision: Precision) {}

  /** Writes an operation with one result in MLIR's generic form. A name without a dialect is one of StableHLO. */
  operation(
    name: string,
    inputs: readonly Value[],
    shape: readonly number[],
    type: ValueType = inputs[0].type,
    attributes = '',
  ): Value {
    const types = inputs.map(mlirType).join(', ');
    const names = inputs.map((input) => input.name).join(', ');
    return this.line(
      `"${name.includes('.') ? name : `stablehlo.${name}`}"(${names}) ${attributes}: (${types}) -> ${mlirType({ shape, type })}`,
      shape,
      type,
    );
  }

  constant(values: ArrayLike<number>, shape: readonly number[], type: ValueType): Value {
    // MLIR packs several booleans into a byte, so they are written as integers.
    if (type === 'bool' && values.length > 1) return this.convert(this.constant(values, shape, 'int32'), 'bool');
    const first = values[0];
    const same = Array.prototype.every.call(values, (value) => Object.is(value, first));
    const text = same && values.length > 0 ? literal(first, type) : hexadecimal(values, type);
    return this.line(`stablehlo.constant dense<${text}> : ${mlirType({ shape, type })}`, shape, type);
  }

  scalar(value: number, type: ValueType = 'float32'): Value {
    return this.constant([value], [], type);
  }

  /** Repeats a value along new dimensions and those of extent 1. The default aligns the last dimensions, as numpy. */
  broadcast(value: Value, shape: readonly number[], dimensions?: readonly number[]): Value {
    if (value.shape.join() === shape.join()) return value;
    const at = dimensions ?? value.shape.map((_, i) => shape.length - value.shape.length + i);
    return this.operation('broadcast_in_dim', [value], shape, value.type, `{broadcast_dimensions = ${list(at)}} `);
  }

  /** Writes an elementwise operation of two values, which are broadcast to each other's shape. */
  binary(name: string, a: Value, b: Value, type: ValueType = a.type, attributes = ''): Value {
    const shape = commonShape([a.shape, b.shape]);
    return this.operation(name, [this.broadcast(a, shape), this.broadcast(b, shape)], shape, type, attributes);
  }

  unary(name: string, value: Value): Value {
    return this.operation(name, [value], value.shape);
  }

  compare(direction: 'EQ' | 'NE' | 'GT' | 'GE' | 'LT' | 'LE', a: Value, b: Value): Value {
    const attributes = `{comparison_direction = #stablehlo<comparison_direction ${direction}>} `;
    return this.binary('compare', a, b, 'bool', attributes);
  }

  select(condition: Value, a: Value, b: Value): Value {
    const shape = commonShape([condition.shape, a.shape, b.shape]);
    return this.operation(
      'select',
      [this.broadcast(condition, shape), this.broadcast(a, shape), this.broadcast(b, shape)],
      shape,
      a.type,
    );
  }

  reshape(value: Value, shape: readonly number[]): Value {
    return value.shape.join() === shape.join() ? value : this.operation('reshape', [value], shape);
  }

  convert(value: Value, type: ValueType): Value {
    if (value.type === type) return value;
    return this.operation('convert', [value], value.shape, type);
  }

  transpose(value: Value, permutation: readonly number[]): Value {
    const shape = permutation.map((dimension) => value.shape[dimension]);
    return this.operation('transpose', [value], shape, value.type, `{permutation = ${list(permutation)}} `);
  }

  reverse(value: Value, dimensions: readonly number[]): Value {
    return this.operation('reverse', [value], value.shape, value.type, `{dimensions = ${list(dimensions)}} `);
  }

  slice(value: Value, start: readonly number[], limit: readonly number[], strides = start.map(() => 1)): Value {
    const shape = start.map((from, i) => Math.ceil((limit[i] - from) / strides[i]));
    const attributes = `{start_indices = ${list(start)}, limit_indices = ${list(limit)}, strides = ${list(strides)}} `;
    return this.operation('slice', [value], shape, value.type, attributes);
  }

  concatenate(values: readonly Value[], dimension: number): Value {
    const extent = values.reduce((sum, { shape }) => sum + shape[dimension], 0);
    const shape = [...values[0].shape].with(dimension, extent);
    return this.operation('concatenate', values, shape, values[0].type, `{dimension = ${dimension} : i64} `);
  }

  pad(
    value: Value,
    low: readonly number[],
    high: readonly number[],
    inner = low.map(() => 0),
    filling = this.scalar(0, value.type),
  ): Value {
    const shape = value.shape.map((extent, i) => low[i] + high[i] + extent + inner[i] * Math.max(0, extent - 1));
    const attributes = `{edge_padding_low = ${list(low)}, edge_padding_high = ${list(high)}, interior_padding = ${list(inner)}} `;
    return this.operation('pad', [value, filling], shape, value.type, attributes);
  }

  /** Takes the parts of a value along a dimension whose positions are in `indices`, in whose shape they are returned. */
  gather(value: Value, indices: Value, dimension: number): Value {
    const rank = indices.shape.length;
    const shape = value.shape.toSpliced(dimension, 1, ...indices.shape);
    const offsets = value.shape.flatMap((_, i) => (i === dimension ? [] : [i < dimension ? i : i + rank - 1]));
    const numbers = `#stablehlo.gather<offset_dims = [${offsets.join(', ')}], collapsed_slice_dims = [${dimension}], start_index_map = [${dimension}], index_vector_dim = ${rank}>`;
    const sizes = list(value.shape.with(dimension, 1));
    const attributes = `{dimension_numbers = ${numbers}, slice_sizes = ${sizes}, indices_are_sorted = false} `;
    return this.operation('gather', [value, indices], shape, value.type, attributes);
  }

  iota(shape: readonly number[], dimension: number): Value {
    return this.line(`stablehlo.iota dim = ${dimension} : ${mlirType({ shape, type: 'int32' })}`, shape, 'int32');
  }

  reduce(value: Value, operation: string, initial: number, dimensions: readonly number[], keep: boolean): Value {
    const { type } = value;
    const shape = value.shape.filter((_, i) => !dimensions.includes(i));
    const start = this.scalar(initial, type);
    const reduced = this.line(
      `stablehlo.reduce(${value.name} init: ${start.name}) applies stablehlo.${operation} across dimensions = [${dimensions.join(', ')}] : (${mlirType(value)}, ${mlirType(start)}) -> ${mlirType({ shape, type })}`,
      shape,
      type,
    );
    return keep
      ? this.reshape(
          reduced,
          value.shape.map((extent, i) => (dimensions.includes(i) ? 1 : extent)),
        )
      : reduced;
  }

  /** Multiplies matrices, whose dimensions before the last two are broadcast to each other's. */
  product(left: Value, right: Value, transposeA: boolean, transposeB: boolean, precision = this.precision): Value {
    const batch = commonShape([left.shape.slice(0, -2), right.shape.slice(0, -2)]);
    const [a, b] = [left, right].map((each) => this.broadcast(each, [...batch, ...each.shape.slice(-2)]));
    const rank = a.shape.length;
    const [rows, inner] = transposeA ? [rank - 1, rank - 2] : [rank - 2, rank - 1];
    const [otherInner, columns] = transposeB ? [rank - 1, rank - 2] : [rank - 2, rank - 1];
    const shape = [...batch, a.shape[rows], b.shape[columns]];
    const dimensions = batch.map((_, i) => i).join(', ');
    const batching = batch.length > 0 ? `batching_dims = [${dimensions}] x [${dimensions}], ` : '';
    return this.line(
      `stablehlo.dot_general ${a.name}, ${b.name}, ${batching}contracting_dims = [${inner}] x [${otherInner}], precision = [${precision}, ${precision}] : (${mlirType(a)}, ${mlirType(b)}) -> ${mlirType({ shape, type: 'float32' })}`,
      shape,
      'float32',
    );
  }

  convolution(input: Value, filter: Value, convolution: Convolution): Value {
    const { dimensions, shape, strides, padding, inputDilation, filterDilation, groups } = convolution;
    const count = (kind: string) => (groups?.kind === kind ? groups.count : 1);
    const precision = `#stablehlo<precision ${this.precision}>`;
    const pads = padding.map(([low, high]) => `[${low}, ${high}]`).join(', ');
    const window = `{stride = [${strides.join(', ')}], pad = [${pads}], lhs_dilate = [${inputDilation.join(', ')}], rhs_dilate = [${filterDilation.join(', ')}]}`;
    return this.line(
      `stablehlo.convolution(${input.name}, ${filter.name}) dim_numbers = ${dimensions}, window = ${window} {batch_group_count = ${count('batch')} : i64, feature_group_count = ${count('feature')} : i64, precision_config = [${precision}, ${precision}]} : (${mlirType(input)}, ${mlirType(filter)}) -> ${mlirType({ shape, type: 'float32' })}`,
      shape,
      'float32',
    );
  }

  /** Writes the position of the first maximum along a dimension. */
  positionOfMaximum(value: Value, dimension: number): Value {
    const most = this.reduce(value, 'maximum', -Infinity, [dimension], true);
    const hit = this.compare('EQ', value, most);
    const none = this.scalar(value.shape[dimension], 'int32');
    const positions = this.select(hit, this.iota(value.shape, dimension), none);
    return this.reduce(positions, 'minimum', value.shape[dimension], [dimension], false);
  }

  protected line(text: string, shape: readonly number[], type: ValueType): Value {
    const name = this.freshName();
    this.lines.push(`${name} = ${text}`);
    return { name, shape, type };
  }

  protected freshName(): string {
    return `%v${this.count++}`;
  }
}

/** Returns the shape to which values of these shapes are broadcast, as numpy does. */
function commonShape(shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map(({ length }) => length));
  return Array.from({ length: rank }, (_, i) =>
    shapes.map((shape) => shape[i - rank + shape.length] ?? 1).reduce((a, b) => (a === 1 ? b : a)),
  );
}

function literal(value: number, type: ValueType): string {
  if (type === 'bool') return String(value !== 0);
  return type === 'float32' || type === 'float64' ? bits(value, type) : String(value);
}

/** Returns the bits of a number, by which MLIR reads exactly the same one. */
function bits(value: number, type: 'float32' | 'float64'): string {
  const view = new DataView(new ArrayBuffer(8));
  if (type === 'float32') view.setFloat32(4, value);
  else view.setFloat64(0, value);
  const digits = type === 'float32' ? 8 : 16;
  return `0x${view.getBigUint64(0).toString(16).toUpperCase().padStart(digits, '0')}`;
}

function hexadecimal(values: ArrayLike<number>, type: ValueType): string {
  const typed = {
    float32: () => Float32Array.from(values),
    int32: () => Int32Array.from(values),
    int64: () => BigInt64Array.from(Array.from(values, BigInt)),
    uint8: () => Uint8Array.from(values),
    bool: () => Uint8Array.from(values),
    uint32: () => Uint32Array.from(values),
    uint64: () => BigUint64Array.from(Array.from(values, BigInt)),
    float64: () => Float64Array.from(values),
  }[type]();
  return `"0x${Buffer.from(typed.buffer).toString('hex').toUpperCase()}"`;
}
