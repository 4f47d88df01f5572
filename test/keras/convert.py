"""
Saves networks of Keras as model.json of TensorFlow.js. tensorflowjs 4.22, the newest release, asks for packages that cannot
be installed beside a current TensorFlow and that the conversion of Keras' layers does not use: JAX, and TensorFlow's
decision forests and hub. Empty modules stand for them. It reads networks of Keras 2, which is installed as tf_keras.
"""

import importlib.machinery
import os
import sys
import types

os.environ["TF_USE_LEGACY_KERAS"] = "1"
# Keras looks for JAX itself, before its empty module is there.
import tensorflow  # noqa: E402, F401

for name in ["tensorflow_decision_forests", "tensorflow_hub", "jax", "jax.experimental"]:
    module = types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    sys.modules[name] = module
sys.modules["jax.experimental"].jax2tf = None

from tensorflowjs.converters import save_keras_model  # noqa: E402
from tensorflowjs.converters.tf_saved_model_conversion_v2 import convert_keras_model_to_graph_model  # noqa: E402


def save_layers_model(network, folder):
    save_keras_model(network, str(folder))


def save_graph_model(network, folder):
    convert_keras_model_to_graph_model(network, str(folder))
