"""A script for SDK 2: PyTorch jobs of two hosts that train together, by themselves and through torchrun.

The last line on stdout is one JSON object with what was seen.
"""

# ruff: noqa: PTH100, PTH118, PTH120 (written as tutorials are)
import io
import json
import os
import tarfile

import numpy as np
import sagemaker
from sagemaker.exceptions import UnexpectedStatusException
from sagemaker.pytorch import PyTorch
from sklearn.datasets import load_digits

CODE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "code")
session = sagemaker.Session()
role = sagemaker.get_execution_role()
digits = load_digits()
np.savez("digits.npz", x=(digits.images / 16).astype("float32")[:, None], y=digits.target.astype("int64"))
place = session.upload_data("digits.npz", key_prefix="torch/digits")
seen = {}


def train(entry_point, **options):
    estimator = PyTorch(
        entry_point=entry_point, source_dir=CODE, role=role, framework_version="2.0.1", py_version="py310",
        instance_count=2, **{"instance_type": "ml.c5.xlarge", **options},
    )  # fmt: skip
    try:
        estimator.fit({"training": place, "testing": place})
    except UnexpectedStatusException as error:
        return str(error)
    bucket, key = estimator.model_data.removeprefix("s3://").split("/", 1)
    body = session.boto_session.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        return {
            member.name: archive.extractfile(member).read().decode() if member.name.endswith("txt") else None
            for member in archive
        }


seen["gloo"] = train("digits.py", hyperparameters={"epochs": 2, "backend": "gloo"})
torchrun = {"distribution": {"torch_distributed": {"enabled": True}}, "instance_type": "ml.g4dn.xlarge"}
seen["torchrun"] = train("ranks.py", **torchrun)
seen["failed"] = train("ranks.py", hyperparameters={"fail": ""}, **torchrun)

print()
print(json.dumps(seen))
