"""A processing script."""

import sys

import torch

torch.save(torch.load("/opt/ml/processing/input/data/t.pt") * 2, "/opt/ml/processing/output/t.pt")
print("arguments", sys.argv[1:])
