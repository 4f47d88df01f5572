"""Training pictures a second from PyTorch's DataLoader, decoded and cropped by Pillow.

Answers each line, a number of batches, by the images a second in which they came. The transforms are torchvision's
RandomResizedCrop, RandomHorizontalFlip, ToTensor and Normalize, as its functions for Pillow images compute them.
"""

import argparse
import math
import random
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


class ClassFolders(Dataset):
    def __init__(self, folder: str, size: int):
        classes = sorted(path for path in Path(folder).iterdir() if path.is_dir())
        self.pictures = [(str(file), label) for label, path in enumerate(classes) for file in sorted(path.iterdir())]
        self.size = size

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int):
        path, label = self.pictures[index]
        with open(path, "rb") as file:
            image = Image.open(file).convert("RGB")
        left, top, width, height = window(*image.size)
        image = image.crop((left, top, left + width, top + height)).resize((self.size, self.size), Image.BILINEAR)
        if random.random() < 0.5:
            image = image.transpose(Image.FLIP_LEFT_RIGHT)
        values = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().to(torch.float32).div(255)
        return values.sub_(MEAN).div_(STD), label


def window(columns: int, rows: int):
    for _ in range(10):
        area = columns * rows * random.uniform(0.08, 1)
        ratio = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
        width, height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < width <= columns and 0 < height <= rows:
            return random.randint(0, columns - width), random.randint(0, rows - height), width, height
    side = min(columns, rows)
    return (columns - side) // 2, (rows - side) // 2, side, side


def endless(loader: DataLoader):
    while True:
        yield from loader


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--size", type=int, default=224)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    loader = DataLoader(
        ClassFolders(options.data, options.size),
        batch_size=options.batch,
        shuffle=True,
        drop_last=True,
        num_workers=options.workers,
        persistent_workers=True,
    )
    batches = endless(loader)
    for line in sys.stdin:
        count = int(line)
        # What was read ahead while the others had their turn does not count.
        for _ in range(2 * options.workers):
            next(batches)
        started = time.perf_counter()
        for _ in range(count):
            next(batches)
        print(count * options.batch / (time.perf_counter() - started), flush=True)


if __name__ == "__main__":
    main()
