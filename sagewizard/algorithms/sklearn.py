"""Scikit-learn script mode in the catalogue: a learner's own training script in a ready-made image.

Accounts and tags are those of the SageMaker Python SDK 2.257 (image_uri_config/sklearn.json). Hyperparameters
are the script's own, so any name is right; the ones listed here are read by the image itself.
"""

from __future__ import annotations

from sagewizard.algorithms.framework_accounts import FRAMEWORK_ACCOUNTS
from sagewizard.algorithms.schema import (
    Algorithm,
    Channel,
    Hyperparameter,
    ImageSource,
    InstanceTypes,
    Kind,
)

VERSIONS = ("0.20.0", "0.23-1", "1.0-1", "1.2-1", "1.4-2")
CONTENT_TYPES = ("text/csv", "application/json", "application/x-npy")

HYPERPARAMETERS = (
    Hyperparameter(
        "sagemaker_program",
        Kind.TEXT,
        "Script",
        "The file that is run, named from the top of the source archive, such as train.py. The "
        "hyperparameters reach it as command line arguments.",
    ),
    Hyperparameter(
        "sagemaker_submit_directory",
        Kind.TEXT,
        "Source archive",
        "Where the script lies: the S3 address of a .tar.gz file with the script and all it imports.",
    ),
    Hyperparameter(
        "sagemaker_container_log_level",
        Kind.TEXT,
        "Log level",
        "From which level on the image itself writes log lines: 20 for information, 40 for errors only.",
        "20",
        advanced=True,
    ),
)

ALGORITHM = Algorithm(
    name="sklearn",
    title="scikit-learn script",
    summary="Runs your own training script with scikit-learn: you write train.py, SageMaker brings the "
    "machine, the data and the place for the model.",
    hyperparameters=HYPERPARAMETERS,
    channels=(
        Channel(
            "train",
            True,
            CONTENT_TYPES,
            ("FullyReplicated", "ShardedByS3Key"),
            "Files for the script, which finds their folder in SM_CHANNEL_TRAIN. Any other name works too.",
        ),
        Channel(
            "test",
            False,
            CONTENT_TYPES,
            ("FullyReplicated", "ShardedByS3Key"),
            "Files for the script, which finds their folder in SM_CHANNEL_TEST.",
        ),
    ),
    metric_definitions=(),
    image=ImageSource(
        "sagemaker-scikit-learn",
        FRAMEWORK_ACCOUNTS,
        {version: f"{version}-cpu-py3" for version in VERSIONS},
        "1.2-1",
    ),
    inference_content_types=("application/x-npy", "text/csv", "application/json"),
    inference_accepts=("application/x-npy", "text/csv", "application/json"),
    instance_types=InstanceTypes(training="ml.m5.large", hosting="ml.m5.large", transform="ml.m5.large"),
    max_instances=1,
    script_mode=True,
)
