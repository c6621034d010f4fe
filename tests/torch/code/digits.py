"""A learner's training script, as PyTorch's tutorials for SageMaker have it: a small network for digits."""

# ruff: noqa: PTH118, PTH123 (written as tutorials are)
import argparse
import json
import logging
import os
import sys

import numpy as np
import torch
import torch.distributed as dist
import torch.utils.data
import torch.utils.data.distributed
from torch import nn, optim
from torch.nn import functional

logger = logging.getLogger(__name__)
logger.setLevel(logging.DEBUG)
logger.addHandler(logging.StreamHandler(sys.stdout))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 10, kernel_size=3, padding=1)
        self.second = nn.Conv2d(10, 20, kernel_size=3, padding=1)
        self.third = nn.Linear(20 * 4, 50)
        self.last = nn.Linear(50, 10)

    def forward(self, x):
        x = functional.relu(functional.max_pool2d(self.first(x), 2))
        x = functional.relu(functional.max_pool2d(self.second(x), 2))
        x = functional.relu(self.third(x.view(-1, 80)))
        return functional.log_softmax(self.last(x), dim=1)


def load(folder):
    data = np.load(os.path.join(folder, "digits.npz"))
    return torch.utils.data.TensorDataset(torch.tensor(data["x"]), torch.tensor(data["y"]))


def average_gradients(model):
    for parameter in model.parameters():
        dist.all_reduce(parameter.grad.data, op=dist.ReduceOp.SUM)
        parameter.grad.data /= float(dist.get_world_size())


def train(args):
    together = len(args.hosts) > 1 and args.backend is not None
    if together:
        rank, size = args.hosts.index(args.current_host), len(args.hosts)
        os.environ["WORLD_SIZE"], os.environ["RANK"] = str(size), str(rank)
        dist.init_process_group(backend=args.backend, rank=rank, world_size=size)
        logger.info("%s is rank %d of %d", args.current_host, dist.get_rank(), dist.get_world_size())
    torch.manual_seed(args.seed)
    rows, test = load(args.data_dir), load(args.test_dir)
    sampler = torch.utils.data.distributed.DistributedSampler(rows) if together else None
    loader = torch.utils.data.DataLoader(
        rows, batch_size=args.batch_size, shuffle=sampler is None, sampler=sampler
    )
    model = Net()
    optimizer = optim.Adam(model.parameters(), lr=args.lr)
    for _ in range(args.epochs):
        for x, y in loader:
            optimizer.zero_grad()
            functional.nll_loss(model(x), y).backward()
            if together:
                average_gradients(model)
            optimizer.step()
        with torch.no_grad():
            x, y = test.tensors
            found = model(x)
            loss, right = functional.nll_loss(found, y).item(), (found.argmax(1) == y).float().mean().item()
        logger.info("Test set: Average loss: %.4f, Accuracy: %.4f;", loss, right)
    with open(os.path.join(args.model_dir, "model.pth"), "wb") as f:
        torch.save(model.state_dict(), f)
    with open(os.path.join(args.model_dir, f"sum-{args.current_host}.txt"), "w") as f:
        f.write(repr(sum(parameter.sum().item() for parameter in model.parameters())))


def model_fn(model_dir):
    model = Net()
    with open(os.path.join(model_dir, "model.pth"), "rb") as f:
        model.load_state_dict(torch.load(f))
    return model


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--backend", type=str, default=None)
    parser.add_argument("--hosts", type=list, default=json.loads(os.environ["SM_HOSTS"]))
    parser.add_argument("--current-host", type=str, default=os.environ["SM_CURRENT_HOST"])
    parser.add_argument("--model-dir", type=str, default=os.environ["SM_MODEL_DIR"])
    parser.add_argument("--data-dir", type=str, default=os.environ["SM_CHANNEL_TRAINING"])
    parser.add_argument("--test-dir", type=str, default=os.environ["SM_CHANNEL_TESTING"])
    train(parser.parse_args())
