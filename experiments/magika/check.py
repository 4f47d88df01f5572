"""Lets onnxruntime name the test files by each network, a line of JSON for each: `check.py TEST_FILES FILE.onnx ...`."""

import json
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

files = np.load("files.npz")
x, y = (files[name][-int(sys.argv[1]) :] for name in ("x", "y"))
for file in sys.argv[2:]:
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (named,) = session.run(None, {"bytes": x})
    zeros = sum(int((numpy_helper.to_array(each) == 0).sum()) for each in onnx.load(file).graph.initializer)
    print(json.dumps({"file": file, "correct": int((named.argmax(1) == y).sum()), "zeros": zeros}))
