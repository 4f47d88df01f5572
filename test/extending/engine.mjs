import { hostEngine } from '@prunegrid/trainer/engines';

/** A multilayer perceptron: dense layers with ReLU between them, then softmax and cross-entropy. Sums have a fixed order. */
class Perceptron {
  constructor(model) {
    this.model = model;
    this.layers = model.layers.map(({ name, kind }) => {
      if (kind !== 'dense') throw new Error(`${model.name}: ${name} is no dense layer`);
      const [weight, bias] = model.parameters.filter(({ layer }) => layer === name);
      const [inputs, outputs] = weight.shape;
      const dropout = model.dropouts.findIndex((each) => each.name === name);
      return { inputs, outputs, weight: weight.offset, bias: bias.offset, dropout };
    });
  }

  setParameters(parameters) {
    this.W = parameters;
  }

  gradient(batch, scale, dropout, labelSmoothing = 0) {
    const { size } = this.model;
    const count = batch.labels.length;
    const sums = new Float64Array(size + 2);
    for (let example = 0; example < count; example++) {
      const { activations, slopes, loss, correct } = this.forward(batch, example, dropout, labelSmoothing);
      this.backward(sums, activations, slopes, example, dropout);
      sums[size] += loss;
      sums[size + 1] += correct;
    }
    return vector(Float32Array.from(sums, (sum, i) => (i <= size ? (sum * scale) / count : sum)));
  }

  score(batch) {
    const passes = Array.from(batch.labels, (_, example) => this.forward(batch, example));
    return {
      loss: passes.reduce((sum, { loss }) => sum + loss, 0),
      correct: passes.reduce((sum, { correct }) => sum + correct, 0),
      ...(this.model.classes > 5 && { top5: passes.filter(({ better }) => better < 5).length }),
    };
  }

  close() {}

  forward(batch, example, dropout, labelSmoothing = 0) {
    const { W, layers } = this;
    const { inputs } = layers[0];
    const activations = [batch.inputs.subarray(example * inputs, (example + 1) * inputs)];
    for (const [l, layer] of layers.entries()) {
      const units = Float64Array.from({ length: layer.outputs }, (_, o) => {
        const sum = activations[l].reduce(
          (s, x, i) => s + x * W[layer.weight + i * layer.outputs + o],
          W[layer.bias + o],
        );
        return l === layers.length - 1 ? sum : Math.max(0, sum) * factor(layer, example, o, dropout);
      });
      activations.push(units);
    }
    const logits = activations[layers.length];
    const label = batch.labels[example];
    const largest = Math.max(...logits);
    const exponentials = logits.map((logit) => Math.exp(logit - largest));
    const total = exponentials.reduce((sum, value) => sum + value, 0);
    const targets = logits.map((_, o) => labelSmoothing / logits.length + (o === label ? 1 - labelSmoothing : 0));
    const slopes = exponentials.map((value, o) => value / total - targets[o]);
    const loss = targets.reduce((sum, target, o) => sum + target * (Math.log(total) + largest - logits[o]), 0);
    return {
      ...{ activations, slopes, loss },
      correct: logits.indexOf(largest) === label ? 1 : 0,
      better: logits.filter((logit, o) => logit > logits[label] || (logit === logits[label] && o < label)).length,
    };
  }

  backward(sums, activations, slopes, example, dropout) {
    for (let l = this.layers.length - 1; l >= 0; l--) {
      const { inputs, outputs, weight, bias } = this.layers[l];
      const before = new Float64Array(inputs);
      for (let o = 0; o < outputs; o++) sums[bias + o] += slopes[o];
      for (let i = 0; i < inputs; i++) {
        for (let o = 0; o < outputs; o++) {
          sums[weight + i * outputs + o] += activations[l][i] * slopes[o];
          before[i] += this.W[weight + i * outputs + o] * slopes[o];
        }
      }
      const below = this.layers[l - 1];
      slopes = before.map((s, i) => (l > 0 && activations[l][i] > 0 ? s * factor(below, example, i, dropout) : 0));
    }
  }
}

const factor = (layer, example, unit, dropout) =>
  dropout && layer.dropout >= 0 ? dropout[layer.dropout][example * layer.outputs + unit] : 1;

const vector = (values) => ({
  values,
  plus: (other) => vector(values.map((value, i) => value + other.values[i])),
  read: () => values,
});

const plain = {
  name: 'plain',
  provision: async () => undefined,
  load: async ({ clock }) =>
    hostEngine(
      {
        ...{ name: 'plain', version: '1', device: 'CPU', memoryBytes: 2 ** 30 },
        open: (model) => new Perceptron(model),
      },
      clock,
    ),
};

/** Adds `engine: plain`. */
export default function extend({ engines }) {
  engines.add(plain);
}
