"""A script for SDK 3: HyperparameterTuner with XGBoost's image, its analytics, and the best job's model.

Bundled breast-cancer data; the last line on stdout is one JSON object with what was seen.
"""

import json

import numpy as np
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.parameter import CategoricalParameter, ContinuousParameter, IntegerParameter
from sagemaker.core.resources import HyperParameterTuningJob, TrainingJob
from sagemaker.core.training.configs import Compute, InputData, OutputDataConfig
from sagemaker.train import ModelTrainer
from sagemaker.train.tuner import HyperparameterTuner
from sklearn.datasets import load_breast_cancer

features, labels = load_breast_cancer(return_X_y=True)
order = np.random.default_rng(3).permutation(len(labels))
table = np.column_stack([labels, features])[order]
session = Session()
bucket = session.default_bucket()
channels = []
for name, rows in (("train", table[:400]), ("validation", table[400:])):
    np.savetxt(f"{name}.csv", rows, delimiter=",", fmt="%.6g")
    session.upload_data(f"{name}.csv", bucket=bucket, key_prefix=f"v3-tuner/{name}")
    channels.append(
        InputData(channel_name=name, data_source=f"s3://{bucket}/v3-tuner/{name}/", content_type="csv")
    )

trainer = ModelTrainer(
    training_image=image_uris.retrieve("xgboost", session.boto_region_name, version="1.0-1"),
    role=get_execution_role(),
    sagemaker_session=session,
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    output_data_config=OutputDataConfig(s3_output_path=f"s3://{bucket}/v3-tuner/output"),
    hyperparameters={"objective": "binary:logistic", "eval_metric": "logloss", "num_round": 42},
)
tuner = HyperparameterTuner(
    model_trainer=trainer,
    objective_metric_name="validation:logloss",
    hyperparameter_ranges={
        "alpha": ContinuousParameter(0, 100),
        "num_round": IntegerParameter(1, 50),
        "booster": CategoricalParameter(["gbtree", "dart"]),
    },
    objective_type="Minimize",
    max_jobs=4,
    max_parallel_jobs=2,
    random_seed=7,
    base_tuning_job_name="v3",
)
tuner.tune(inputs=channels, wait=True)
described = tuner.describe()
job = HyperParameterTuningJob.get(described.hyper_parameter_tuning_job_name)
best = TrainingJob.get(tuner.best_training_job())
frame = tuner.analytics().dataframe()
trials = [each.training_job_name for each in job.get_all_training_jobs()]

print()
print(
    json.dumps(
        {
            "status": job.hyper_parameter_tuning_job_status,
            "counts": job.training_job_status_counters.completed,
            "best": best.training_job_status,
            "same": best.training_job_name == job.best_training_job.training_job_name,
            "tuned": sorted(job.best_training_job.tuned_hyper_parameters),
            "columns": sorted(frame.columns),
            "jobs": len(frame),
            "trials": sorted(trials) == sorted(frame["TrainingJobName"]),
            "best_is_lowest": frame.sort_values("FinalObjectiveValue")["TrainingJobName"].iloc[0]
            == best.training_job_name,
            "all": job.hyper_parameter_tuning_job_name
            in [each.hyper_parameter_tuning_job_name for each in HyperParameterTuningJob.get_all()],
        }
    )
)
