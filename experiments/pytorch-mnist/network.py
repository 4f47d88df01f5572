"""A small convolutional network for MNIST, and MNIST from its own four files."""

from pathlib import Path

import numpy as np
import torch
from torch import nn


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 5)
        self.conv2 = nn.Conv2d(16, 32, 5)
        self.fc1 = nn.Linear(512, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = nn.functional.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = nn.functional.max_pool2d(torch.relu(self.conv2(x)), 2)
        return self.fc2(torch.relu(self.fc1(x.flatten(1))))


def mnist(folder, part):
    """Returns images [count, 1, 28, 28] from 0 to 1 and labels. `part` is `train` or `t10k`."""
    read = lambda name, start: np.fromfile(Path(folder) / f"{part}-{name}-ubyte", dtype=np.uint8)[start:]
    images = read("images-idx3", 16).reshape(-1, 1, 28, 28).astype(np.float32) / 255
    return images, read("labels-idx1", 8).astype(np.int64)
