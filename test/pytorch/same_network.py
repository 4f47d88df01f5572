"""Holds exported ONNX files against those that they come from: `same_network.py ORIGINAL EXPORTED EXPECTED ...`, three paths for each.

ORIGINAL is `-` of a file that is new. EXPECTED is a safetensors file with the inputs (channels last), the logits that prunegrid computes for them, and in `zeros` how many
parameters became zero. Fails with a line unless onnxruntime computes the same and nothing but the values of tensors has changed.
"""

import sys

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from safetensors.numpy import load_file

FIELDS = ["raw_data", "float_data", "double_data", "int32_data", "external_data", "data_location"]


def structure(path):
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        for field in FIELDS:
            tensor.ClearField(field)
    return model.SerializeToString(deterministic=True)


def zeros(path):
    tensors = [numpy_helper.to_array(each) for each in onnx.load(path).graph.initializer]
    return sum(int((each == 0).sum()) for each in tensors if each.dtype.kind == "f")


def check(original, exported, expected):
    onnx.checker.check_model(exported, full_check=True)
    is_new = original == "-"
    assert is_new or structure(original) == structure(exported), "more than values has changed"
    tensors = load_file(expected)
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    inputs = tensors["inputs"]
    inputs = np.moveaxis(inputs, -1, 1) if inputs.ndim == 4 else inputs
    types = {"tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(float)": np.float32}
    inputs = inputs.astype(types[given.type])
    (logits,) = session.run(None, {given.name: np.ascontiguousarray(inputs)})
    difference = float(np.abs(logits - tensors["logits"]).max())
    assert difference < 1e-5, f"outputs differ by {difference}"
    added = zeros(exported) - (0 if is_new else zeros(original))
    assert is_new or added == int(tensors["zeros"][0]), f"{added} zeros were added"


paths = sys.argv[1:]
for triple in zip(paths[0::3], paths[1::3], paths[2::3]):
    try:
        check(*triple)
    except AssertionError as error:
        sys.exit(f"{triple[1]}: {error}")
print(len(paths) // 3, "are the same")
