"""A script for torchrun: a linear model over data of which each rank has its own, made one by DDP."""

# ruff: noqa: PTH118 (written as tutorials are)
import os
import sys

import torch
import torch.distributed as dist
from torch import nn

dist.init_process_group("gloo")
rank, size = dist.get_rank(), dist.get_world_size()
torch.manual_seed(0)
model = nn.parallel.DistributedDataParallel(nn.Linear(4, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
x = torch.randn(64, 4, generator=torch.Generator().manual_seed(rank))
y = x @ torch.tensor([[1.0], [2.0], [3.0], [4.0]])
for _ in range(100):
    optimizer.zero_grad()
    loss = ((model(x) - y) ** 2).mean()
    loss.backward()
    optimizer.step()
if "--fail" in sys.argv and rank == 1:
    raise ValueError("rank 1 has had enough")
total = torch.tensor([float(rank)])
dist.all_reduce(total)
weights = [round(value, 3) for value in model.module.weight.data.flatten().tolist()]
print(f"RANK {rank} OF {size} on {os.environ['SM_CURRENT_HOST']} sum {total.item():g} {weights}", flush=True)
if rank == 0:
    torch.save(model.module, os.path.join(os.environ["SM_MODEL_DIR"], "model.pth"))
dist.destroy_process_group()
