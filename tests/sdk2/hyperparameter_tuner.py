"""A script for SDK 2: HyperparameterTuner with XGBoost's image, its analytics, attach, and a warm start.

Bundled breast-cancer data; the last line on stdout is one JSON object with what was seen.
"""

import json
import time

import numpy as np
import sagemaker
from sagemaker import get_execution_role, image_uris
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner, IntegerParameter
from sklearn.datasets import load_breast_cancer

features, labels = load_breast_cancer(return_X_y=True)
order = np.random.default_rng(3).permutation(len(labels))
table = np.column_stack([labels, features])[order]
np.savetxt("train.csv", table[:400], delimiter=",", fmt="%.6g")
np.savetxt("validation.csv", table[400:], delimiter=",", fmt="%.6g")

session = sagemaker.Session()
bucket = session.default_bucket()
prefix = "sdk2-tuner"
channels = {
    name: TrainingInput(
        session.upload_data(f"{name}.csv", bucket=bucket, key_prefix=f"{prefix}/{name}"), content_type="csv"
    )
    for name in ("train", "validation")
}
estimator = Estimator(
    image_uris.retrieve("xgboost", session.boto_region_name, version="1.0-1"),
    get_execution_role(),
    instance_count=1,
    instance_type="ml.m5.large",
    output_path=f"s3://{bucket}/{prefix}/output",
    sagemaker_session=session,
    hyperparameters={"objective": "binary:logistic", "eval_metric": "logloss", "num_round": 42},
)
tuner = HyperparameterTuner(
    estimator,
    "validation:logloss",
    {
        "alpha": ContinuousParameter(0, 100),
        "eta": ContinuousParameter(0.1, 0.3),
        "num_round": IntegerParameter(1, 50),
    },
    max_jobs=6,
    max_parallel_jobs=2,
    objective_type="Minimize",
    early_stopping_type="Off",
)
tuner.fit(channels, include_cls_metadata=False, wait=False)  # waiting is held by the warm start below
while tuner.describe()["HyperParameterTuningJobStatus"] == "InProgress":
    time.sleep(0.2)
table = tuner.analytics().dataframe()
best = tuner.best_training_job()
attached = HyperparameterTuner.attach(tuner.latest_tuning_job.name, sagemaker_session=session)
values = tuner.best_estimator().hyperparameters()
ranges = attached.hyperparameter_ranges()
warm = tuner.identical_dataset_and_algorithm_tuner()
warm.max_jobs = 3
warm.fit(channels, include_cls_metadata=False, job_name="warm")
overall = warm.describe()["OverallBestTrainingJob"]

print(
    json.dumps(
        {
            "status": tuner.describe()["HyperParameterTuningJobStatus"],
            "columns": sorted(table.columns),
            "jobs": len(table),
            "best_is_first": bool(
                table.sort_values("FinalObjectiveValue")["TrainingJobName"].iloc[0] == best
            ),
            "elapsed": bool((table["TrainingElapsedTimeSeconds"] >= 0).all()),
            "attached": attached.objective_metric_name,
            "ranges": sorted(item["Name"] for each in ranges.values() for item in each),
            "metric": values["_tuning_objective_metric"],
            "tuned": sorted(name for name in values if name in ("alpha", "eta", "num_round")),
            "warm": warm.describe()["WarmStartConfig"]["WarmStartType"],
            "overall": bool(
                overall["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
                <= table["FinalObjectiveValue"].min()
            ),
        }
    )
)
