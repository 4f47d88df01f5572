"""Writes magika.onnx, the network of the package magika, and files.npz, made files that it has named: `made.py`."""

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import onnxruntime

FILES = 48
# The network reads the first and the last 1024 bytes of a file; 256 stands where a file has none.
PART, NONE = 1024, 256

random = np.random.default_rng(1)


def words(count):
    return ["".join(chr(97 + letter) for letter in random.integers(26, size=random.integers(2, 9))) for _ in range(count)]


def code():
    functions = [f"def {a}({b}):\n    return {b} + {random.integers(99)}\n\n" for a, b in zip(words(60), words(60))]
    return "import sys\n\n" + "".join(functions)


kinds = [
    code,
    lambda: json.dumps({word: random.integers(99, size=5).tolist() for word in words(60)}, indent=2),
    lambda: "".join(",".join(map(str, random.integers(9999, size=6))) + "\n" for _ in range(80)),
    lambda: "<!DOCTYPE html>\n<html><body>" + "".join(f"<p>{' '.join(words(9))}</p>\n" for _ in range(40)) + "</body></html>",
    lambda: "#!/bin/sh\n" + "".join(f"if [ -f {a} ]; then\n  echo {b} > {a}\nfi\n" for a, b in zip(words(60), words(60))),
    lambda: random.bytes(2 * PART).decode("latin1"),
]


def read(text):
    content = np.frombuffer(text.encode("latin1"), np.uint8)
    found = np.full(2 * PART, NONE, np.int32)
    first, last = content[:PART], content[-PART:]
    found[: len(first)], found[2 * PART - len(last) :] = first, last
    return found


package = Path(importlib.util.find_spec("magika").origin).parent
shutil.copy(package / "models" / "standard_v3_3" / "model.onnx", "magika.onnx")
x = np.stack([read(kinds[i % len(kinds)]()) for i in range(FILES)])
session = onnxruntime.InferenceSession("magika.onnx", providers=["CPUExecutionProvider"])
(named,) = session.run(None, {"bytes": x})
np.savez_compressed("files.npz", x=x, y=named.argmax(1).astype(np.uint8))
