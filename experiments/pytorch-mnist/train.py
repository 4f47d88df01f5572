"""Trains networks of network.py, and writes them for prunegrid: `train.py MNIST_FOLDER [DIR/]cnn.onnx ...`."""

import argparse
from pathlib import Path

import torch
from mnist import mnist
from network import networks
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("outs", nargs="+")
parser.add_argument("--images", type=int, default=55_000)
parser.add_argument("--epochs", type=int, default=2)
options = parser.parse_args()
images, labels = (torch.from_numpy(each[: options.images]) for each in mnist(options.folder, "train"))


def train(network):
    optimizer = torch.optim.Adam(network.parameters())
    batches = range(0, len(images) - 127, 128)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=options.epochs * len(batches))
    for epoch in range(options.epochs):
        order = torch.randperm(len(images))
        for start in batches:
            chosen = order[start : start + 128]
            loss = nn.functional.cross_entropy(network(images[chosen]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1}: loss {loss.item():.4f}")


for out in options.outs:
    torch.manual_seed(1)
    network = networks[Path(out).stem]()
    train(network)
    network.eval()
    # The number of examples stays open, so that prunegrid can choose its own. PRESERVE keeps batch normalizations apart
    # from convolutions, so that they go on training.
    batch = {"x": {0: "batch"}, "logits": {0: "batch"}}
    torch.onnx.export(network, images[:1], out, input_names=["x"], output_names=["logits"], dynamic_axes=batch, dynamo=False,
                      training=torch.onnx.TrainingMode.PRESERVE)
