"""Evaluates files on MNIST's test images, a line of JSON for each: `check.py MNIST_FOLDER FILE ...`.

onnxruntime computes .onnx files. Those named .safetensors are read back into PyTorch's module.
"""

import json
import sys

import onnx
import onnxruntime
import torch
from network import Cnn, mnist
from onnx import numpy_helper
from safetensors.torch import load_file


def by_onnxruntime(file, images):
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {session.get_inputs()[0].name: images})
    return logits, [numpy_helper.to_array(each) for each in onnx.load(file).graph.initializer]


def by_pytorch(file, images):
    network = Cnn()
    network.load_state_dict(load_file(file))
    with torch.no_grad():
        logits = network(torch.from_numpy(images)).numpy()
    return logits, [each.numpy() for each in network.state_dict().values()]


images, labels = mnist(sys.argv[1], "t10k")
for file in sys.argv[2:]:
    logits, tensors = (by_pytorch if file.endswith(".safetensors") else by_onnxruntime)(file, images)
    weights = [each for each in tensors if each.ndim > 1]
    total, kept = (sum(int(count(each)) for each in weights) for count in (lambda each: each.size, lambda each: (each != 0).sum()))
    print(json.dumps({"file": file, "accuracy": float((logits.argmax(1) == labels).mean()), "weights": total, "kept": kept}))
