"""Training steps of LeNet-5 by PyTorch in turns: each line of the input, as `dense 40`, is answered by the images a second of so many steps.

Kinds are dense, ADMM (with the penalty) and masked (71 times fewer weights). A turn begins with the same weights, and with steps that do not count.
echo dense 40 | python lenet5_steps.py --data FOLDER --threads 1
Of processes that share a batch (see lenet5.py), each reads the lines itself, and the first one answers.
"""

import argparse
import itertools
import sys
import time

import torch
from lenet5 import (
    HELD_OUT,
    RANK,
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

KEEPS = [100, 2000, 3600, 350]
RHO = 1e-3
RATE = 1e-4
WARM_UP = 3


def turn(kind, steps, images, labels, arguments):
    torch.manual_seed(1 + RANK)
    model = network()
    weights = weights_of(model)
    with torch.no_grad():
        pruned = [project(weight, keep) for weight, keep in zip(weights, KEEPS)]
        if kind == "masked":
            for weight, values in zip(weights, pruned):
                weight.copy_(values)
    extra = {"ADMM": {"penalty": penalty_to(weights, pruned, RHO)}, "masked": {"masks": masks_of(weights)}}
    model = parallel(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    epochs = (batches(len(labels), arguments.batch, epoch) for epoch in itertools.count())
    for i, chosen in enumerate(itertools.islice(itertools.chain.from_iterable(epochs), WARM_UP + steps)):
        if i == WARM_UP:
            started = time.perf_counter()
        step(model, optimizer, shifted(images[chosen], arguments.shift), labels[chosen], **extra.get(kind, {}))
    return steps * arguments.batch / (time.perf_counter() - started)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--shift", type=int, default=2)
    parser.add_argument("--batch", type=int, default=128)
    arguments = parser.parse_args()
    images, labels = load(arguments.data, "train")
    images, labels = images[:-HELD_OUT], labels[:-HELD_OUT]
    start(arguments.threads, 1)
    for line in sys.stdin:
        kind, steps = line.split()
        speed = turn(kind, int(steps), images, labels, arguments)
        if RANK == 0:
            print(speed, flush=True)
    finish()


if __name__ == "__main__":
    main()
