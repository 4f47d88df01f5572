import { sizeOf } from '@prunegrid/numerics/shape';

import type { Model } from '../../models/index.js';
import { type Computation, gradientOf, scoreOf } from '../recording/model-computations.js';
import type { Recording } from '../recording/nodes.js';
import { Recorder } from './recorder.js';

/** Records what models compute, each of it once. */
export class Recordings {
  private readonly recordings = new Map<string, Recording>();

  private readonly recorder = new Recorder();

  /** Returns the recording of the gradient of a micro-batch. See `gradientTensor` for the arguments. */
  gradient(model: Model, samples: number, scale: number, dropout: boolean, labelSmoothing: number): Recording {
    const factors = dropout ? model.dropouts.map(({ shape }) => new Float32Array(samples * sizeOf(shape))) : undefined;
    const inputs = { ...inputsOf(model, samples), dropout: factors };
    return this.recording(gradientOf(model, inputs, scale, labelSmoothing));
  }

  /** Returns the recording of what `scoreTensor` computes for so many examples. */
  score(model: Model, samples: number): Recording {
    return this.recording(scoreOf(model, inputsOf(model, samples)));
  }

  private recording(computation: Computation): Recording {
    let recording = this.recordings.get(computation.key);
    if (!recording) {
      recording = this.recorder.record(computation);
      this.recordings.set(computation.key, recording);
    }
    return recording;
  }
}

/** Returns the inputs with which a computation is recorded. Their values do not matter. */
function inputsOf({ parameters, input }: Model, samples: number) {
  const values = samples * sizeOf(input.shape);
  return {
    parameters: parameters.map(({ size }) => new Float32Array(size)),
    batch: {
      inputs: input.type === 'int32' ? new Int32Array(values) : new Float32Array(values),
      labels: new Int32Array(samples),
    },
  };
}
