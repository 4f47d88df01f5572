"""ADMM pruning of LeNet-5 on MNIST as a plain PyTorch script: what experiments/lenet5-mnist.yaml does, for one rho and one sparsity.

The same network, data, batches, optimizer, schedules, number of epochs and evaluations; every layer keeps the same share.
python lenet5_admm.py --data FOLDER --rho 1e-3 --ratio 20 --epochs 1,4,6 --images 8192 --threads 2
"""

import argparse
import json
import time

import torch
from torch import nn
from torch.nn import functional as F

HELD_OUT = 5000


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


def project(tensor, keep):
    kept = torch.zeros_like(tensor).flatten()
    largest = tensor.abs().flatten().topk(keep).indices
    kept[largest] = tensor.flatten()[largest]
    return kept.reshape(tensor.shape)


@torch.no_grad()
def accuracy(model, images, labels):
    correct = sum((model(x).argmax(1) == y).sum().item() for x, y in zip(images.split(500), labels.split(500)))
    return correct / len(labels)


def train(model, data, held_out, epochs, schedule, batch, penalty=None, after_epoch=None, masks=None):
    images, labels = data
    steps = len(labels) // batch
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    if schedule == "one-cycle":
        scheduler = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=3e-3, total_steps=epochs * steps, cycle_momentum=False
        )
    else:
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs * steps, eta_min=1e-4)
    for _ in range(epochs):
        for chosen in torch.randperm(len(labels))[: steps * batch].split(batch):
            loss = F.cross_entropy(model(images[chosen]), labels[chosen])
            if penalty is not None:
                loss = loss + penalty()
            optimizer.zero_grad()
            loss.backward()
            if masks is not None:
                for weight, mask in masks:
                    weight.grad.mul_(mask)
            optimizer.step()
            scheduler.step()
            if masks is not None:
                with torch.no_grad():
                    for weight, mask in masks:
                        weight.mul_(mask)
        if after_epoch is not None:
            after_epoch()
        accuracy(model, *held_out)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--rho", type=float, required=True)
    parser.add_argument("--ratio", type=float, required=True)
    parser.add_argument("--epochs", required=True, help="dense,ADMM,retraining")
    parser.add_argument("--images", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    dense, admm, retrain = (int(text) for text in arguments.epochs.split(","))
    images, labels = load(arguments.data, "train")
    data = images[: arguments.images], labels[: arguments.images]
    held_out = images[-HELD_OUT:], labels[-HELD_OUT:]
    images, labels = load(arguments.data, "t10k")
    test = images[: arguments.images], labels[: arguments.images]
    started = time.time()
    model = network()
    weights = [parameter for parameter in model.parameters() if parameter.dim() > 1]
    keeps = [round(weight.numel() / arguments.ratio) for weight in weights]
    common = {"data": data, "held_out": held_out, "batch": arguments.batch}

    train(model, epochs=dense, schedule="one-cycle", **common)
    accuracies = {"dense": accuracy(model, *test)}

    with torch.no_grad():
        z = [project(weight, keep) for weight, keep in zip(weights, keeps)]
        u = [torch.zeros_like(weight) for weight in weights]

    def penalty():
        return arguments.rho / 2 * sum(((w - zi + ui) ** 2).sum() for w, zi, ui in zip(weights, z, u))

    @torch.no_grad()
    def iterate():
        for i, (weight, keep) in enumerate(zip(weights, keeps)):
            z[i] = project(weight + u[i], keep)
            u[i] += weight - z[i]

    train(model, epochs=admm, schedule="cosine", penalty=penalty, after_epoch=iterate, **common)

    with torch.no_grad():
        for weight, keep in zip(weights, keeps):
            weight.copy_(project(weight, keep))
    accuracies["pruned"] = accuracy(model, *test)
    train(
        model,
        epochs=retrain,
        schedule="one-cycle",
        masks=[(weight, (weight != 0).float()) for weight in weights],
        **common,
    )
    accuracies["final"] = accuracy(model, *test)
    kept = sum(int((weight != 0).sum()) for weight in weights)
    print(json.dumps({**accuracies, "kept": kept, "seconds": time.time() - started}))


if __name__ == "__main__":
    main()
