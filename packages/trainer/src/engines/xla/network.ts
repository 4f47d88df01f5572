import type * as tensorflow from '@tensorflow/tfjs';

import type { PjrtBuffer, PjrtClient, PjrtExecutable } from '@prunegrid/pjrt';

import type { Batch } from '../../datasets/index.js';
import type { Model } from '../../models/index.js';
import type { BatchScore, DeviceVector, Network } from '../host/network.js';
import {
  arraysOf,
  batchScore,
  type Computation,
  gradientOf,
  recordComputation,
  scoreOf,
} from '../recording/model-computations.js';
import type { Placeholder, TensorValues } from '../recording/nodes.js';
import { type Backend, useNativeReluGradient, useUncheckedGather } from '../tensorflow/network.js';
import { lower } from './lowering/lower.js';

type TensorFlow = typeof tensorflow;

/** The number of values in the result of `scoreTensor`. */
const SCORES = 3;

/** A compiled recording. */
interface Program {
  readonly executable: Promise<PjrtExecutable>;
  readonly placeholders: readonly Placeholder[];
}

/** Opens networks that share their programs: each computation is compiled once for each model and batch size. */
export class XlaNetworks {
  private readonly programs = new Map<string, Program>();
  private readonly sums = new Map<number, Promise<PjrtExecutable>>();

  constructor(
    readonly client: PjrtClient,
    private readonly tf: TensorFlow,
    private readonly backend: Backend,
  ) {
    useNativeReluGradient(tf, backend);
    useUncheckedGather(tf, backend);
  }

  open(model: Model): Network {
    return new XlaNetwork(model, this);
  }

  /** Returns the program of a computation, and records and compiles it if it does not exist yet. */
  program(computation: Computation): Program {
    let program = this.programs.get(computation.key);
    if (!program) {
      const recording = recordComputation(this.tf, this.backend, computation);
      const { placeholders } = recording;
      program = { placeholders, executable: this.compile(lower(recording, 'HIGHEST')) };
      this.programs.set(computation.key, program);
    }
    return program;
  }

  /** Returns the program that adds two vectors [size]. */
  sum(size: number): Promise<PjrtExecutable> {
    let executable = this.sums.get(size);
    if (!executable) {
      const type = `tensor<${size}xf32>`;
      executable = this.compile(`module @sum {
  func.func public @main(%a: ${type} {tf.aliasing_output = 0 : i32}, %b: ${type}) -> ${type} {
    %sum = stablehlo.add %a, %b : ${type}
    return %sum : ${type}
  }
}
`);
      this.sums.set(size, executable);
    }
    return executable;
  }

  private compile(program: string): Promise<PjrtExecutable> {
    // Without the flag a GPU may add in an order that changes from run to run. Other platforms do not know it.
    const isCuda = this.client.platform === 'cuda';
    return this.client.compile(program, isCuda ? { xla_gpu_exclude_nondeterministic_ops: true } : {});
  }
}

/** A network that keeps its parameters on the device. */
class XlaNetwork implements Network {
  private parameters: Float32Array[] = [];
  /** The buffers of `parameters`. They are made at their first use. */
  private buffers: Promise<PjrtBuffer>[] = [];

  constructor(
    private readonly model: Model,
    private readonly networks: XlaNetworks,
  ) {}

  setParameters(parameters: Float32Array): void {
    this.close();
    this.parameters = this.model.parameters.map(({ offset, size }) => parameters.subarray(offset, offset + size));
  }

  gradient(batch: Batch, scale: number, dropout?: readonly Float32Array[], labelSmoothing = 0): DeviceVector {
    const computation = gradientOf(this.model, { parameters: this.parameters, batch, dropout }, scale, labelSmoothing);
    return new XlaVector(this.networks, this.run(computation), this.model.size + 2);
  }

  async score(batch: Batch): Promise<BatchScore> {
    const output = this.run(scoreOf(this.model, { parameters: this.parameters, batch }));
    return batchScore(this.model, await new XlaVector(this.networks, output, SCORES).read());
  }

  close(): void {
    for (const buffer of this.buffers) releaseLater(buffer);
    this.buffers = [];
  }

  private run(computation: Computation): Promise<PjrtBuffer> {
    const { executable, placeholders } = this.networks.program(computation);
    const put = (values: TensorValues, i: number) => {
      const { elementType, shape } = placeholders[i];
      return this.networks.client.put(convert(values, elementType), elementType as 'float32', shape);
    };
    if (this.buffers.length === 0) this.buffers = this.parameters.map(put);
    const count = this.parameters.length;
    // The copies go on after this call, when the batch's arrays may be in use for another batch.
    const own = arraysOf(computation.inputs)
      .slice(count)
      .map((values, i) => put(values.slice(), count + i));
    return runProgram(executable, this.buffers, own);
  }
}

/** Runs a program with one result. The buffers in `own` are released after that. */
async function runProgram(
  executable: Promise<PjrtExecutable>,
  kept: readonly Promise<PjrtBuffer>[],
  own: readonly Promise<PjrtBuffer>[],
): Promise<PjrtBuffer> {
  const inputs = Promise.all([...kept, ...own]);
  try {
    const [output] = await (await executable).execute(await inputs);
    return output;
  } finally {
    for (const buffer of own) releaseLater(buffer);
  }
}

class XlaVector implements DeviceVector {
  constructor(
    private readonly networks: XlaNetworks,
    private readonly buffer: Promise<PjrtBuffer>,
    private readonly size: number,
  ) {}

  plus(other: XlaVector): XlaVector {
    const sum = runProgram(this.networks.sum(this.size), [], [this.buffer, other.buffer]);
    return new XlaVector(this.networks, sum, this.size);
  }

  async read(): Promise<Float32Array> {
    const buffer = await this.buffer;
    try {
      return await buffer.read(new Float32Array(this.size));
    } finally {
      buffer.release();
    }
  }
}

/** Releases a buffer once it is there. Who uses it hears of its failure. */
function releaseLater(buffer: Promise<PjrtBuffer>): void {
  buffer.then(
    (made) => made.release(),
    () => undefined,
  );
}

/** Returns the values in an array of the placeholder's type, because labels come in arrays of several types. */
function convert(values: TensorValues, type: Placeholder['elementType']): Float32Array | Int32Array | Uint8Array {
  if (type === 'float32') return values instanceof Float32Array ? values : Float32Array.from(values);
  if (type === 'int32') return values instanceof Int32Array ? values : Int32Array.from(values);
  return values;
}
