"""A script for SDK 3: ModelTrainer with Torchrun, two processes on each of two hosts.

The last line on stdout is one JSON object with what was seen.
"""

import json
import logging
import pathlib

from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.resources import TrainingJob
from sagemaker.core.training.configs import Compute, SourceCode
from sagemaker.train import ModelTrainer
from sagemaker.train.distributed import Torchrun

logging.basicConfig(level=logging.INFO, format="%(message)s")
image = image_uris.retrieve(
    "pytorch", "us-east-1", version="2.5", py_version="py311", instance_type="ml.m5.xlarge",
    image_scope="training",
)  # fmt: skip
trainer = ModelTrainer(
    training_image=image,
    role=get_execution_role(),
    sagemaker_session=Session(),
    base_job_name="torch-three",
    compute=Compute(instance_type="ml.m5.xlarge", instance_count=2),
    source_code=SourceCode(
        source_dir=str(pathlib.Path(__file__).absolute().parent / "code"), entry_script="ranks.py"
    ),
    distributed=Torchrun(process_count_per_node=2),
)
trainer.train()
job = TrainingJob.get(trainer._latest_training_job.training_job_name)

print()
print(json.dumps({"status": job.training_job_status}))
