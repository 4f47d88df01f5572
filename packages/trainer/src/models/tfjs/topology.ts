import { Failure } from '@prunegrid/core/failure';

/** A layer as Keras writes it. */
export interface LayerConfig {
  class_name: string;
  config: Record<string, unknown>;
}

/** The layers that are read. Every other one is refused by its name. */
const supported = new Set(
  [
    'Activation Add Average AveragePooling1D AveragePooling2D BatchNormalization Bidirectional Concatenate Conv1D Conv2D',
    'Conv2DTranspose Cropping2D Dense DepthwiseConv2D Dropout ELU Embedding Flatten Functional GRU GlobalAveragePooling1D',
    'GlobalAveragePooling2D GlobalMaxPooling1D GlobalMaxPooling2D InputLayer LSTM LayerNormalization LeakyReLU MaxPooling1D',
    'MaxPooling2D Maximum Minimum Model Multiply PReLU Permute ReLU RepeatVector Rescaling Reshape SeparableConv2D Sequential',
    'SimpleRNN Softmax SpatialDropout1D TimeDistributed UpSampling2D ZeroPadding2D',
  ].flatMap((line) => line.split(' ')),
);

const isLayer = (value: unknown): value is LayerConfig =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as { class_name?: unknown }).class_name === 'string' &&
  typeof (value as { config?: unknown }).config === 'object' &&
  (value as { config: unknown }).config !== null;

/**
 * Returns the network of a topology as TensorFlow.js is to build it. Regularizers, constraints and initializers that draw
 * are left out, because the weights come from the file and the experiment says how they are trained, and so is a softmax
 * at the end, because the loss is computed from logits.
 * @throws {Failure} `input`, which names every layer that is not supported, by its name
 */
export function buildable(path: string, topology: Readonly<Record<string, unknown>>): LayerConfig {
  const root = structuredClone(topology['model_config'] ?? topology);
  if (!isLayer(root) || layersOf(root).length === 0) {
    throw new Failure('input', `${path}: has no layers: convert or save the model again`);
  }
  const problems = problemsOf(root);
  if (problems.length > 0) {
    throw new Failure(
      'input',
      `${path}: has layers that are not supported: ${problems.join('; ')}: express them by others, or write the network as a module`,
    );
  }
  simplify(root);
  endWithLogits(root);
  return root;
}

/** Returns the layers that a network or a wrapper contains. */
function layersOf({ config }: LayerConfig): LayerConfig[] {
  const list: unknown[] = Array.isArray(config) ? config : Array.isArray(config['layers']) ? config['layers'] : [];
  return [...list, Array.isArray(config) ? undefined : config['layer']].filter(isLayer);
}

function problemsOf(layer: LayerConfig): string[] {
  const { class_name: kind, config } = layer;
  const title = typeof config['name'] === 'string' ? config['name'] : kind;
  const own = supported.has(kind) ? problemOf(layer) : 'is not read';
  return [...(own === undefined ? [] : [`${title} (${kind}) ${own}`]), ...layersOf(layer).flatMap(problemsOf)];
}

function problemOf({ config }: LayerConfig): string | undefined {
  for (const key of ['dropout', 'recurrent_dropout']) {
    if (typeof config[key] === 'number' && config[key] > 0) return `has ${key}; a Dropout layer is read`;
  }
  if (config['stateful'] === true) return 'is stateful';
  if (config['mask_zero'] === true) return 'has mask_zero';
  if (config['return_state'] === true) return 'has return_state';
  if (config['reset_after'] === true) return 'has reset_after, which TensorFlow.js does not know';
  return undefined;
}

/** The initializers of what is drawn anew when the network is. They take long, and their values are not used. */
const drawn = /^(kernel|bias|recurrent|embeddings|depthwise|pointwise)_initializer$/;

const fixes = (initializer: unknown): boolean => {
  if (!isLayer(initializer)) return false;
  const { class_name: kind, config } = initializer;
  return kind === 'Zeros' || kind === 'Ones' || (kind === 'Constant' && Number.isFinite(config['value']));
};

function simplify(layer: LayerConfig): void {
  const { config } = layer;
  for (const key of Object.keys(config)) {
    if (/_(regularizer|constraint)$/.test(key)) config[key] = null;
    if (drawn.test(key)) config[key] = { class_name: 'Zeros', config: {} };
    // What has a fixed value in most networks gets its layer's default in others.
    else if (key.endsWith('_initializer') && !fixes(config[key])) config[key] = null;
  }
  // Keras writes keys of the convolution that this layer is made of, which TensorFlow.js refuses.
  if (layer.class_name === 'SeparableConv2D') {
    for (const key of Object.keys(config)) if (key.startsWith('kernel_') && key !== 'kernel_size') delete config[key];
  }
  for (const inner of layersOf(layer)) simplify(inner);
}

function endWithLogits(network: LayerConfig): void {
  const outputs = network.config['output_layers'];
  const named: unknown = Array.isArray(outputs) ? (Array.isArray(outputs[0]) ? outputs[0][0] : outputs[0]) : undefined;
  const layers = layersOf(network);
  const last = layers.find(({ config }) => named !== undefined && config['name'] === named) ?? layers.at(-1);
  if (!last) return;
  if (['Sequential', 'Functional', 'Model'].includes(last.class_name)) endWithLogits(last);
  else if (last.class_name === 'Softmax') {
    last.class_name = 'Activation';
    last.config = { name: last.config['name'], activation: 'linear' };
  } else if (last.config['activation'] === 'softmax') last.config['activation'] = 'linear';
}
