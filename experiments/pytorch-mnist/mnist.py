"""MNIST from its own four files."""

from pathlib import Path

import numpy as np


def mnist(folder, part):
    """Returns images [count, 1, 28, 28] from 0 to 1 and labels. `part` is `train` or `t10k`."""
    read = lambda name, start: np.fromfile(Path(folder) / f"{part}-{name}-ubyte", dtype=np.uint8)[start:]
    images = read("images-idx3", 16).reshape(-1, 1, 28, 28).astype(np.float32) / 255
    return images, read("labels-idx1", 8).astype(np.int64)
