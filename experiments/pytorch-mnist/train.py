"""Trains the network of network.py, and writes it for prunegrid: `train.py MNIST_FOLDER OUT.onnx [IMAGES] [EPOCHS]`."""

import sys

import torch
from network import Cnn, mnist
from torch import nn

folder, out, limit, epochs = [*sys.argv[1:], "55000", "2"][:4] if len(sys.argv) == 3 else sys.argv[1:]
torch.manual_seed(1)
images, labels = (torch.from_numpy(each[: int(limit)]) for each in mnist(folder, "train"))
network = Cnn()
optimizer = torch.optim.Adam(network.parameters())
batches = range(0, len(images) - 127, 128)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=int(epochs) * len(batches))
for epoch in range(int(epochs)):
    order = torch.randperm(len(images))
    for start in batches:
        chosen = order[start : start + 128]
        loss = nn.functional.cross_entropy(network(images[chosen]), labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    print(f"epoch {epoch + 1}: loss {loss.item():.4f}")

# The number of examples stays open, so that prunegrid can choose its own.
network.eval()
batch = {"x": {0: "batch"}, "logits": {0: "batch"}}
torch.onnx.export(network, images[:1], out, input_names=["x"], output_names=["logits"], dynamic_axes=batch, dynamo=False)
