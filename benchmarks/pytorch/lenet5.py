"""What the scripts here share: LeNet-5 and MNIST in plain PyTorch, and the steps that train it, in one process or data-parallel.

Processes that share each batch (DistributedDataParallel, gloo) are told so by RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, as torchrun does it.
"""

import os

import torch
from torch import distributed, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

HELD_OUT = 5000
RANK = int(os.environ.get("RANK", 0))
PROCESSES = int(os.environ.get("WORLD_SIZE", 1))


def idx(file, header):
    with open(file, "rb") as opened:
        return torch.frombuffer(bytearray(opened.read()[header:]), dtype=torch.uint8)


def load(folder, part):
    images = idx(f"{folder}/{part}-images-idx3-ubyte", 16).reshape(-1, 1, 28, 28).float() / 255
    return images, idx(f"{folder}/{part}-labels-idx1-ubyte", 8).long()


def network():
    return nn.Sequential(
        *[nn.Conv2d(1, 20, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(20, 50, 5), nn.MaxPool2d(2), nn.ReLU()],
        *[nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10)],
    )


def weights_of(model):
    """Biases are neither pruned nor counted."""
    return [parameter for parameter in model.parameters() if parameter.dim() > 1]


def project(tensor, keep):
    kept = torch.zeros_like(tensor).flatten()
    largest = tensor.abs().flatten().topk(keep).indices
    kept[largest] = tensor.flatten()[largest]
    return kept.reshape(tensor.shape)


def start(threads, seed):
    """Joins the other processes, if there are any. Shifts differ between them; weights are the first one's."""
    torch.set_num_threads(threads)
    if PROCESSES > 1:
        distributed.init_process_group("gloo")
    torch.manual_seed(seed + RANK)


def finish():
    if PROCESSES > 1:
        distributed.destroy_process_group()


def parallel(model):
    return DistributedDataParallel(model) if PROCESSES > 1 else model


def batches(count, batch, seed):
    """Indices of an epoch's images, this process' part of each batch: the same order everywhere."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    share = batch // PROCESSES
    for whole in order[: count // batch * batch].split(batch):
        yield whole[RANK * share : (RANK + 1) * share]


def shifted(images, pixels):
    """Each image moved by up to so many pixels in each direction at random, zeros coming in."""
    if pixels == 0:
        return images
    count, _, height, width = images.shape
    padded = F.pad(images, (pixels, pixels, pixels, pixels))
    down, right = torch.randint(0, 2 * pixels + 1, (2, count, 1))
    rows = (down + torch.arange(height)).view(count, 1, height, 1)
    columns = (right + torch.arange(width)).view(count, 1, 1, width)
    return padded[torch.arange(count).view(-1, 1, 1, 1), 0, rows, columns]


def penalty_to(weights, targets, rho):
    """rho/2 * ||W - Z + U||^2, where the targets are Z - U."""
    return lambda: rho / 2 * sum(((weight - target) ** 2).sum() for weight, target in zip(weights, targets))


def masks_of(weights):
    return [(weight, (weight != 0).float()) for weight in weights]


def step(model, optimizer, images, labels, penalty=None, masks=()):
    """`model` is what `parallel` made of the network; with masks, nothing is trained where they are zero."""
    loss = F.cross_entropy(model(images), labels)
    if penalty is not None:
        loss = loss + penalty()
    optimizer.zero_grad()
    loss.backward()
    for weight, mask in masks:
        weight.grad.mul_(mask)
    optimizer.step()
    with torch.no_grad():
        for weight, mask in masks:
            weight.mul_(mask)


@torch.no_grad()
def accuracy(model, images, labels):
    """Each process measures its part of the images, 250 at a time (1,000 take a third longer each)."""
    blocks = list(zip(images.split(250), labels.split(250)))
    own = blocks[RANK * len(blocks) // PROCESSES : (RANK + 1) * len(blocks) // PROCESSES]
    correct = torch.tensor(sum((model(x).argmax(1) == y).sum().item() for x, y in own))
    if PROCESSES > 1:
        distributed.all_reduce(correct)
    return correct.item() / len(labels)
