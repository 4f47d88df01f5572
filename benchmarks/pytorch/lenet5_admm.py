"""ADMM pruning of LeNet-5 on MNIST as a plain PyTorch script: what experiments/lenet5-mnist.yaml does.

The same network, data, batches, shifts, optimizer, schedules, number of epochs and evaluations, and the epoch of retraining chosen as there.
It writes no files. Prints accuracies on the test set, weights kept, images trained on, seconds without the start-up, and how many of these were training steps.
python lenet5_admm.py --data FOLDER --rho 1e-4:3e-2 --keep 100,2000,3600,350 --epochs 4,16,24 --shift 2 --threads 2
python lenet5_admm.py --data FOLDER --rho 1e-3 --ratio 20 --epochs 1,4,6 --images 8192 --threads 2
torchrun --nproc-per-node 2 lenet5_admm.py ... --threads 1
"""

import argparse
import json
import time

import torch
from lenet5 import (
    HELD_OUT,
    RANK,
    accuracy,
    batches,
    finish,
    load,
    masks_of,
    network,
    parallel,
    penalty_to,
    project,
    shifted,
    start,
    step,
    weights_of,
)


class Training:
    """Epochs of one network's training, and how long their steps have taken."""

    def __init__(self, model, data, held_out, arguments):
        self.model, self.held_out, self.arguments = model, held_out, arguments
        self.images, self.labels = data
        self.epochs = 0
        self.trained = 0
        self.step_seconds = 0.0

    def phase(self, epochs, schedule, penalty_of=lambda epoch: None, after_epoch=lambda epoch, held_out: None, masks=()):
        batch, shift, seed = self.arguments.batch, self.arguments.shift, self.arguments.seed
        steps = epochs * (len(self.labels) // batch)
        model = parallel(self.model)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        if schedule == "one-cycle":
            scheduler = torch.optim.lr_scheduler.OneCycleLR(
                optimizer, max_lr=3e-3, total_steps=steps, cycle_momentum=False
            )
        else:
            scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps, eta_min=1e-4)
        for epoch in range(epochs):
            penalty = penalty_of(epoch)
            started = time.perf_counter()
            for chosen in batches(len(self.labels), batch, seed + self.epochs):
                step(model, optimizer, shifted(self.images[chosen], shift), self.labels[chosen], penalty, masks)
                scheduler.step()
            self.step_seconds += time.perf_counter() - started
            self.epochs += 1
            self.trained += len(self.labels) // batch * batch
            after_epoch(epoch, accuracy(self.model, *self.held_out))


def rho_of(text, iterations):
    """One rho, or FROM:TO for a geometric path."""
    first, last = (float(end) for end in (text.split(":") * 2)[:2])
    ts = [k / max(1, iterations - 1) for k in range(iterations)]
    return [first ** (1 - t) * last**t for t in ts]


def admm(training, weights, keeps, rhos):
    """Each iteration is an epoch on loss + rho/2 * ||W - Z + U||^2, then the projection of W + U and U += W - Z, rescaled with rho."""
    with torch.no_grad():
        z = [project(weight, keep) for weight, keep in zip(weights, keeps)]
        u = [torch.zeros_like(weight) for weight in weights]

    @torch.no_grad()
    def iterate(k, _):
        scale = rhos[k] / rhos[min(k + 1, len(rhos) - 1)]
        for i, (weight, keep) in enumerate(zip(weights, keeps)):
            moved = weight + u[i]
            z[i] = project(moved, keep)
            u[i] = (moved - z[i]) * scale

    training.phase(
        len(rhos),
        "cosine",
        penalty_of=lambda k: penalty_to(weights, [zi - ui for zi, ui in zip(z, u)], rhos[k]),
        after_epoch=iterate,
    )


def retrain(training, weights, epochs):
    """Ends with the epoch that did best on the held-out images, the later one of two."""
    best = {"accuracy": -1.0}

    def choose(_, held_out):
        if held_out >= best["accuracy"]:
            best.update(accuracy=held_out, state={k: v.clone() for k, v in training.model.state_dict().items()})

    training.phase(epochs, "one-cycle", after_epoch=choose, masks=masks_of(weights))
    training.model.load_state_dict(best["state"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--rho", required=True, help="a number, or FROM:TO for a geometric path")
    pruned = parser.add_mutually_exclusive_group(required=True)
    pruned.add_argument("--keep", help="weights left in each layer, with commas")
    pruned.add_argument("--ratio", type=float, help="every layer keeps the same share, so many times fewer")
    parser.add_argument("--epochs", required=True, help="dense,ADMM,retraining")
    parser.add_argument("--images", type=int, default=60000 - HELD_OUT)
    parser.add_argument("--shift", type=int, default=0)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    dense_epochs, admm_epochs, retrain_epochs = (int(text) for text in arguments.epochs.split(","))
    images, labels = load(arguments.data, "train")
    count = min(arguments.images, len(labels) - HELD_OUT)
    data = images[:count], labels[:count]
    held_out = images[-HELD_OUT:], labels[-HELD_OUT:]
    images, labels = load(arguments.data, "t10k")
    test = images[: arguments.images], labels[: arguments.images]
    start(arguments.threads, arguments.seed)

    started = time.perf_counter()
    model = network()
    training = Training(model, data, held_out, arguments)
    weights = weights_of(model)
    if arguments.keep:
        keeps = [int(text) for text in arguments.keep.split(",")]
    else:
        keeps = [round(weight.numel() / arguments.ratio) for weight in weights]
    scores = {}

    def evaluate(stage):
        accuracy(model, *held_out)
        scores[stage] = accuracy(model, *test)

    training.phase(dense_epochs, "one-cycle")
    evaluate("dense")
    admm(training, weights, keeps, rho_of(arguments.rho, admm_epochs))
    with torch.no_grad():
        for weight, keep in zip(weights, keeps):
            weight.copy_(project(weight, keep))
    evaluate("pruned")
    retrain(training, weights, retrain_epochs)
    evaluate("final")
    seconds = time.perf_counter() - started
    kept = sum(int((weight != 0).sum()) for weight in weights)
    if RANK == 0:
        figures = {"kept": kept, "images": training.trained, "seconds": seconds, "stepSeconds": training.step_seconds}
        print(json.dumps({**scores, **figures}))
    finish()


if __name__ == "__main__":
    main()
