"""Writes networks of Keras as model.json, with what Keras computes of them: networks.py FOLDER."""

import json
import sys
from pathlib import Path

import numpy as np
import tf_keras as keras

from convert import save_graph_model, save_layers_model

layers = keras.layers
STEPS = 10


def cnn():
    image = layers.Input((8, 8, 1), name="image")
    x = layers.Conv2D(4, 3, padding="same", use_bias=False, name="conv1")(image)
    x = layers.BatchNormalization(momentum=0.9, name="norm1")(x)
    x = y = layers.ReLU()(x)
    y = layers.DepthwiseConv2D(3, padding="same", name="depth")(y)
    x = layers.MaxPooling2D()(layers.Add()([x, y]))
    x = layers.SeparableConv2D(6, 3, activation="relu", name="sep")(x)
    x = layers.Dropout(0.25, name="drop")(layers.Flatten()(x))
    x = layers.BatchNormalization(momentum=0.9, name="norm2")(layers.Dense(16, name="fc1")(x))
    x = layers.LeakyReLU()(x)
    return keras.Model(image, layers.Dense(10, activation="softmax", name="fc2")(x), name="cnn")


def recurrent():
    return keras.Sequential(
        [
            layers.Input((8, 8)),
            layers.LSTM(12, return_sequences=True, name="lstm1"),
            layers.Bidirectional(layers.GRU(6, reset_after=False, name="gru"), name="both"),
            layers.LayerNormalization(name="norm"),
            layers.Dense(10, name="fc"),
            layers.Softmax(),
        ],
        name="recurrent",
    )


def write(network, shape, folder):
    random = np.random.default_rng(1)
    x = random.normal(size=(8, *shape)).astype(np.float32)
    y = random.integers(10, size=8)
    save_layers_model(network, folder / network.name)
    save_graph_model(network, folder / f"{network.name}-graph")
    probabilities = network.predict(x, verbose=0)
    # Keras draws which units are dropped, so the comparison does without.
    for layer in network.layers:
        if isinstance(layer, layers.Dropout):
            layer.rate = 0.0
    network.compile(keras.optimizers.SGD(0.01, momentum=0.9), "sparse_categorical_crossentropy")
    losses = [float(network.train_on_batch(x, y)) for _ in range(STEPS)]
    save_layers_model(network, folder / f"{network.name}-trained")
    values = {"x": x, "y": y, "probabilities": probabilities, "losses": np.array(losses)}
    flat = {name: value.ravel().tolist() for name, value in values.items()}
    (folder / f"{network.name}.json").write_text(json.dumps(flat))


keras.utils.set_random_seed(1)
folder = Path(sys.argv[1])
write(cnn(), (8, 8, 1), folder)
write(recurrent(), (8, 8), folder)
