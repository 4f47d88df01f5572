import { Body, list, mlirType, type Precision, type Value, type ValueType } from './body.js';

/** A parameter of a program. */
export interface Parameter {
  readonly shape: readonly number[];
  readonly type: ValueType;
}

/** A program whose inputs and results have names. */
export interface Program {
  /** StableHLO's text. */
  readonly text: string;
  readonly inputs: readonly string[];
  readonly results: readonly string[];
}

/** Writes what programs need beside the operations of recordings. */
export class ProgramBody extends Body {
  /** Repeats `step` while `condition` holds of the values, and returns the last ones. There must be two or more. */
  loop(
    start: readonly Value[],
    condition: (values: Value[]) => Value,
    step: (values: Value[]) => readonly Value[],
  ): Value[] {
    const inside = start.map((value) => ({ ...value, name: this.freshName() }));
    const [test, goesOn] = this.apart(() => condition(inside));
    const [steps, next] = this.apart(() => step(inside));
    const name = this.freshName();
    const types = start.map(mlirType).join(', ');
    this.lines.push(
      `${name}:${start.length} = stablehlo.while(${start.map((value, i) => `${inside[i].name} = ${value.name}`).join(', ')}) : ${types}`,
      'cond {',
      ...test.map((line) => `  ${line}`),
      `  stablehlo.return ${goesOn.name} : ${mlirType(goesOn)}`,
      '} do {',
      ...steps.map((line) => `  ${line}`),
      `  stablehlo.return ${next.map((value) => value.name).join(', ')} : ${next.map(mlirType).join(', ')}`,
      '}',
    );
    return start.map((value, i) => ({ ...value, name: `${name}#${i}` }));
  }

  /**
   * Returns the value behind a border that no optimization crosses, so that what is computed on either side has the same
   * bits whatever program it is a part of.
   */
  barrier(value: Value): Value {
    return this.operation('optimization_barrier', [value], value.shape);
  }

  /** Takes a part of a value, whose first positions are scalars of type int32. */
  dynamicSlice(value: Value, start: readonly Value[], shape: readonly number[]): Value {
    const attributes = `{slice_sizes = ${list(shape)}} `;
    return this.operation('dynamic_slice', [value, ...start], shape, value.type, attributes);
  }

  /** Returns the value with a part replaced. */
  dynamicUpdate(value: Value, part: Value, start: readonly Value[]): Value {
    return this.operation('dynamic_update_slice', [value, part, ...start], value.shape);
  }

  /** Takes the element or the part at a position of the first dimension, which the result does not have. */
  at(value: Value, position: Value): Value {
    const zero = this.scalar(0, 'int32');
    const rest = value.shape.slice(1);
    const taken = this.dynamicSlice(value, [position, ...rest.map(() => zero)], [1, ...rest]);
    return this.reshape(taken, rest);
  }

  /** Replaces the part at a position of the first dimension. */
  withAt(value: Value, position: Value, part: Value): Value {
    const zero = this.scalar(0, 'int32');
    const start = [position, ...part.shape.map(() => zero)];
    return this.dynamicUpdate(value, this.reshape(part, [1, ...part.shape]), start);
  }

  /** Returns a vector with the elements at `positions`, all of them different, replaced by `parts`. */
  scatter(value: Value, positions: Value, parts: Value): Value {
    const [count] = positions.shape;
    const indices = this.reshape(positions, [count, 1]);
    const numbers =
      '#stablehlo.scatter<inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>';
    const [before, after] = [this.freshName(), this.freshName()];
    const one = mlirType({ shape: [], type: value.type });
    return this.line(
      `"stablehlo.scatter"(${value.name}, ${indices.name}, ${parts.name}) ({ ^bb0(${before}: ${one}, ${after}: ${one}): stablehlo.return ${after} : ${one} }) {scatter_dimension_numbers = ${numbers}, indices_are_sorted = true, unique_indices = true} : (${mlirType(value)}, ${mlirType(indices)}, ${mlirType(parts)}) -> ${mlirType(value)}`,
      value.shape,
      value.type,
    );
  }

  /** Cuts windows of the same size out of images [count, height, width, channels], at positions [windows, 3]. */
  windows(images: Value, positions: Value, height: number, width: number): Value {
    const channels = images.shape[3];
    const shape = [positions.shape[0], height, width, channels];
    const numbers =
      '#stablehlo.gather<offset_dims = [1, 2, 3], collapsed_slice_dims = [0], start_index_map = [0, 1, 2], index_vector_dim = 1>';
    const attributes = `{dimension_numbers = ${numbers}, slice_sizes = ${list([1, height, width, channels])}, indices_are_sorted = false} `;
    return this.operation('gather', [images, positions], shape, images.type, attributes);
  }

  private apart<Result>(write: () => Result): [string[], Result] {
    const outer = this.lines;
    this.lines = [];
    const result = write();
    const inner = this.lines;
    this.lines = outer;
    return [inner, result];
  }
}

/**
 * Writes a program. A result with the name of a parameter takes the parameter's memory.
 * @param write writes the operations, and returns the results by name
 */
export function writeProgram(
  precision: Precision,
  parameters: Readonly<Record<string, Parameter>>,
  write: (body: ProgramBody, values: Readonly<Record<string, Value>>) => Readonly<Record<string, Value>>,
): Program {
  const body = new ProgramBody(precision);
  const inputs = Object.keys(parameters);
  const values = inputs.map((name, i): Value => ({ ...parameters[name], name: `%arg${i}` }));
  const written = write(body, Object.fromEntries(inputs.map((name, i) => [name, values[i]])));
  const results = Object.keys(written);
  const signature = values.map((value, i) => {
    const result = results.indexOf(inputs[i]);
    return `${value.name}: ${mlirType(value)}${result < 0 ? '' : ` {tf.aliasing_output = ${result} : i32}`}`;
  });
  const types = results.map((name) => mlirType(written[name])).join(', ');
  const text = [
    'module @program {',
    `  func.func public @main(${signature.join(', ')}) -> (${types}) {`,
    ...body.lines.map((line) => `    ${line}`),
    `    return ${results.map((name) => written[name].name).join(', ')} : ${types}`,
    '  }',
    '}',
    '',
  ].join('\n');
  return { text, inputs, results };
}
