import { Failure } from '@prunegrid/core/failure';
import type { BatchScore, DeviceVector, Network } from '@prunegrid/trainer/engines';
import type { Batch } from '@prunegrid/trainer/datasets';
import type { Model, Parameter } from '@prunegrid/trainer/models';

import { exp, log } from './elementary.js';

/** A dense layer in the flat vector: weights [inputs, outputs], followed by a bias [outputs]. */
interface Dense {
  inputs: number;
  outputs: number;
  weight: number;
  bias: number;
  /** The number of the dropout after the layer's ReLU. */
  dropout: number | undefined;
}

/** What computes. */
export interface Processor {
  /** Whether it computes wrongly now: it negates gradients. */
  isFaulty: () => boolean;
  /** How long it takes now for the gradient of a batch, in milliseconds. */
  milliseconds: () => number;
  sleep: (milliseconds: number) => Promise<void>;
}

/** The results of the forward pass for one example of a batch. */
interface Pass {
  /** The input of each layer, followed by the logits. */
  activations: Float64Array[];
  /** The gradient of the loss with respect to the logits. */
  slopes: Float64Array;
  /** The cross-entropy in nats. */
  loss: number;
  correct: boolean;
}

/**
 * A multilayer perceptron in plain loops: dense layers with ReLU between them, followed by softmax and cross-entropy.
 * Sums are in double precision and in a fixed order, so the results are the same on every machine, bit for bit.
 */
export class SmallNetwork implements Network {
  private readonly layers: readonly Dense[];
  private parameters: Float32Array;

  /** Throws Failure if the model is not a chain of dense layers. */
  constructor(
    private readonly model: Model,
    private readonly processor: Processor,
  ) {
    this.layers = denseChain(model);
    this.parameters = new Float32Array(model.size);
  }

  setParameters(parameters: Float32Array): void {
    this.parameters = parameters;
  }

  gradient(batch: Batch, scale: number, dropout?: readonly Float32Array[], labelSmoothing = 0): DeviceVector {
    const { size } = this.model;
    const count = batch.labels.length;
    const sums = new Float64Array(size + 2);
    for (let example = 0; example < count; example++) {
      const pass = this.forward(batch, example, dropout, labelSmoothing);
      this.backward(sums, pass, example, dropout);
      sums[size] += pass.loss;
      sums[size + 1] += pass.correct ? 1 : 0;
    }
    const mean = scale / count;
    const slope = this.processor.isFaulty() ? -mean : mean;
    const values = new Float32Array(size + 2);
    for (let i = 0; i < size; i++) values[i] = sums[i] * slope;
    values[size] = sums[size] * mean;
    values[size + 1] = sums[size + 1];
    return this.vectorOf(values, this.processor.milliseconds());
  }

  score(batch: Batch): BatchScore {
    const score = { loss: 0, correct: 0 };
    for (let example = 0; example < batch.labels.length; example++) {
      const { loss, correct } = this.forward(batch, example, undefined, 0);
      score.loss += loss;
      if (correct) score.correct++;
    }
    return score;
  }

  close(): void {
    // The caller owns the parameters, so nothing needs to be freed.
  }

  /** @param milliseconds until the values are there, once they are asked for */
  private vectorOf(values: Float32Array, milliseconds: number): HostVector {
    return {
      values,
      milliseconds,
      plus: (other) => {
        const { values: others, milliseconds: more } = other as HostVector;
        return this.vectorOf(
          values.map((value, i) => value + others[i]),
          milliseconds + more,
        );
      },
      read: () => (milliseconds > 0 ? this.processor.sleep(milliseconds).then(() => values) : values),
    };
  }

  private forward(
    batch: Batch,
    example: number,
    dropout: readonly Float32Array[] | undefined,
    labelSmoothing: number,
  ): Pass {
    const { parameters } = this;
    const { inputs } = this.layers[0];
    const pixels = new Float64Array(inputs);
    for (let i = 0; i < inputs; i++) pixels[i] = batch.inputs[example * inputs + i];
    const activations = [pixels];
    for (const [l, layer] of this.layers.entries()) {
      const before = activations[l];
      const { inputs: width, weight, outputs: count } = layer;
      const outputs = new Float64Array(count);
      for (let o = 0; o < count; o++) {
        let sum = parameters[layer.bias + o];
        for (let i = 0; i < width; i++) sum += before[i] * parameters[weight + i * count + o];
        const isLast = l === this.layers.length - 1;
        outputs[o] = isLast ? sum : Math.max(0, sum) * factorOf(layer, example, o, dropout);
      }
      activations.push(outputs);
    }
    const logits = activations[this.layers.length];
    const label = batch.labels[example];
    const largest = logits.reduce((most, logit) => Math.max(most, logit), -Infinity);
    const exponentials = logits.map((logit) => exp(logit - largest));
    const total = exponentials.reduce((sum, value) => sum + value, 0);
    const spread = labelSmoothing / logits.length;
    const targets = logits.map((_logit, output) => (output === label ? 1 - labelSmoothing : 0) + spread);
    // The targets add up to 1.
    const expected =
      labelSmoothing > 0 ? logits.reduce((sum, logit, output) => sum + targets[output] * logit, 0) : logits[label];
    return {
      activations,
      slopes: exponentials.map((value, output) => value / total - targets[output]),
      loss: log(total) + largest - expected,
      correct: logits.indexOf(largest) === label,
    };
  }

  /** Adds the gradient of one example's cross-entropy to `sums`. */
  private backward(
    sums: Float64Array,
    { activations, slopes: ofLogits }: Pass,
    example: number,
    dropout: readonly Float32Array[] | undefined,
  ): void {
    let slopes = ofLogits;
    for (let l = this.layers.length - 1; l >= 0; l--) {
      const { inputs, outputs, weight, bias } = this.layers[l];
      const before = new Float64Array(inputs);
      for (let o = 0; o < outputs; o++) sums[bias + o] += slopes[o];
      for (let i = 0; i < inputs; i++) {
        const row = weight + i * outputs;
        for (let o = 0; o < outputs; o++) {
          sums[row + o] += activations[l][i] * slopes[o];
          before[i] += this.parameters[row + o] * slopes[o];
        }
      }
      if (l === 0) return;
      // ReLU and dropout pass no gradient to a unit whose activation is 0.
      const layer = this.layers[l - 1];
      slopes = before.map((slope, i) => (activations[l][i] > 0 ? slope * factorOf(layer, example, i, dropout) : 0));
    }
  }
}

const factorOf = (layer: Dense, example: number, unit: number, dropout: readonly Float32Array[] | undefined): number =>
  dropout && layer.dropout !== undefined ? dropout[layer.dropout][example * layer.outputs + unit] : 1;

function denseChain({ name, layers, parameters, dropouts }: Model): Dense[] {
  return layers.map((layer, l) => {
    const { reads = [] } = layer;
    const follows = l === 0 || (reads.length === 1 && reads[0] === layers[l - 1].name);
    if (layer.kind !== 'dense' || !follows || parameters.length !== 2 * layers.length) {
      throw new Failure('input', `engine: small computes chains of dense layers only, and ${name} is none`);
    }
    const [weight, bias] = ['weight', 'bias'].map(
      (kind) => parameters.find((each) => each.layer === layer.name && each.kind === kind) as Parameter,
    );
    const [inputs, outputs] = weight.shape;
    const dropout = dropouts.findIndex((each) => each.name === layer.name);
    return {
      ...{ inputs, outputs, weight: weight.offset, bias: bias.offset },
      dropout: dropout < 0 ? undefined : dropout,
    };
  });
}

interface HostVector extends DeviceVector {
  readonly values: Float32Array;
  readonly milliseconds: number;
}
