"""Dense training steps of LeNet-5 by PyTorch, in one process or data-parallel (DistributedDataParallel, gloo): images a second, an epoch a line.

python lenet5_ddp.py --data FOLDER --processes 2 --threads 1 --images 16384 --epochs 4 --batch 128
"""

import argparse
import os
import time

import torch
from lenet5_admm import load, network
from torch import distributed, multiprocessing
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel


def work(rank, arguments):
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    model = network()
    if arguments.processes > 1:
        distributed.init_process_group("gloo", rank=rank, world_size=arguments.processes)
        model = DistributedDataParallel(model)
    images, labels = load(arguments.data, "train")
    images, labels = images[: arguments.images], labels[: arguments.images]
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    share = arguments.batch // arguments.processes
    steps = arguments.images // arguments.batch
    for epoch in range(arguments.epochs):
        # The same order everywhere; each process takes its part of every batch.
        order = torch.randperm(arguments.images, generator=torch.Generator().manual_seed(epoch))
        started = time.time()
        for batch in order[: steps * arguments.batch].split(arguments.batch):
            chosen = batch[rank * share : (rank + 1) * share]
            loss = F.cross_entropy(model(images[chosen]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if rank == 0:
            print(steps * arguments.batch / (time.time() - started), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--images", type=int, default=16384)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--port", default="29511")
    arguments = parser.parse_args()
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=arguments.port)
    if arguments.processes == 1:
        work(0, arguments)
    else:
        multiprocessing.spawn(work, args=(arguments,), nprocs=arguments.processes)
