"""Evaluates files on MNIST's test images, a line of JSON for each: `check.py MNIST_FOLDER FILE ...`.

onnxruntime computes .onnx files. Those named .safetensors are read back into PyTorch's module.
"""

import json
import sys

import onnx
import onnxruntime
from mnist import mnist
from onnx import numpy_helper


def by_onnxruntime(file, images):
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {session.get_inputs()[0].name: images})
    return logits, [numpy_helper.to_array(each) for each in onnx.load(file).graph.initializer]


def by_pytorch(file, images):
    import torch
    from network import Cnn
    from safetensors.torch import load_file

    network = Cnn()
    network.load_state_dict(load_file(file))
    with torch.no_grad():
        logits = network(torch.from_numpy(images)).numpy()
    return logits, [each.numpy() for each in network.state_dict().values()]


images, labels = mnist(sys.argv[1], "t10k")
for file in sys.argv[2:]:
    logits, tensors = (by_pytorch if file.endswith(".safetensors") else by_onnxruntime)(file, images)
    # Kernels of dense layers and of convolutions; positions of a transformer have three dimensions.
    weights = [each for each in tensors if each.ndim in (2, 4)]
    total, kept = (sum(int(count(each)) for each in weights) for count in (lambda each: each.size, lambda each: (each != 0).sum()))
    print(json.dumps({"file": file, "accuracy": float((logits.argmax(1) == labels).mean()), "weights": total, "kept": kept}))
