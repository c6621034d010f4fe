"""A script for SDK 2: the PyTorch estimator from fit to batch transform, several versions, tuning, failures.

The last line on stdout is one JSON object with what was seen.
"""

# ruff: noqa: PTH100, PTH118, PTH120, PTH123 (written as tutorials are)
import json
import os
import time

import numpy as np
import sagemaker
import torch
from sagemaker.deserializers import JSONDeserializer
from sagemaker.processing import ProcessingInput, ProcessingOutput
from sagemaker.pytorch import PyTorch
from sagemaker.pytorch.processing import PyTorchProcessor
from sagemaker.serializers import JSONSerializer
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner
from sklearn.datasets import load_digits

CODE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "code")
session = sagemaker.Session()
role, bucket = sagemaker.get_execution_role(), session.default_bucket()
client = session.sagemaker_client
digits = load_digits()
x, y = (digits.images / 16).astype("float32")[:, None], digits.target.astype("int64")
places = {}
for name, part in (("training", slice(0, 1500)), ("testing", slice(1500, None))):
    np.savez("digits.npz", x=x[part], y=y[part])
    places[name] = session.upload_data("digits.npz", key_prefix=f"torch/{name}")
metrics = [
    {"Name": "accuracy", "Regex": "Accuracy: ([0-9.]+);"},
    {"Name": "average test loss", "Regex": r"Average loss: ([0-9\.]+)"},
]
seen = {}


def estimator(entry_point="digits.py", **options):
    given = {
        "role": role, "framework_version": "2.1", "py_version": "py310", "instance_count": 1,
        "instance_type": "ml.c5.xlarge", "source_dir": CODE, "metric_definitions": metrics,
    }  # fmt: skip
    return PyTorch(entry_point=entry_point, **{**given, **options})


for version, python in (("1.5.0", "py3"), ("2.6.0", "py312")):
    digits_estimator = estimator(framework_version=version, py_version=python, hyperparameters={"epochs": 4})
    digits_estimator.fit(places)
    job = client.describe_training_job(TrainingJobName=digits_estimator.latest_training_job.name)
    seen[version] = {item["MetricName"]: item["Value"] for item in job["FinalMetricDataList"]}
predictor = digits_estimator.deploy(1, "ml.c5.xlarge")
found = predictor.predict(x[:10])
predictor.serializer, predictor.deserializer = JSONSerializer(), JSONDeserializer()
seen["npy"] = [found.argmax(1).tolist(), y[:10].tolist(), str(found.dtype)]
seen["json"] = np.array(predictor.predict(x[:10].tolist())).argmax(1).tolist()
predictor.delete_endpoint()

tuner = HyperparameterTuner(
    estimator(hyperparameters={"epochs": 2}), "average test loss",
    {"lr": ContinuousParameter(0.001, 0.1, scaling_type="Logarithmic")}, metrics, max_jobs=2,
    max_parallel_jobs=2, objective_type="Minimize",
)  # fmt: skip
tuner.fit(places)
tuner.wait()
seen["tuned"] = tuner.analytics().dataframe()["FinalObjectiveValue"].notna().tolist()

with open("wrong.py", "w") as file:
    file.write("import torch\n\ntorch.zeros(2, 3) @ torch.zeros(2, 3)\n")
try:
    estimator("wrong.py", source_dir=None).fit(places, logs=False)
except sagemaker.exceptions.UnexpectedStatusException as error:
    seen["wrong"] = str(error)
with open("slow.py", "w") as file:
    file.write(
        "import os, time, torch\n"
        "torch.save(torch.ones(1), os.path.join(os.environ['SM_MODEL_DIR'], 'model.pth'))\n"
        "print('Accuracy: 0.5;', flush=True)\ntime.sleep(600)\n"
    )
slow = estimator("slow.py", source_dir=None)
slow.fit(places, wait=False)
name = slow.latest_training_job.name
logs = session.boto_session.client("logs")
while client.describe_training_job(TrainingJobName=name)["SecondaryStatus"] != "Training":
    time.sleep(0.2)
while not any(
    event["message"].startswith("Accuracy: 0.5;")
    for event in logs.filter_log_events(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{name}/"
    )["events"]
):
    time.sleep(0.2)
slow.latest_training_job.stop()
slow.latest_training_job.wait(logs="None")
stopped = client.describe_training_job(TrainingJobName=name)
seen["stopped"] = [stopped["TrainingJobStatus"], slow.model_data.rsplit("/", 1)[1]]

torch.save(torch.arange(3.0), "t.pt")
processor = PyTorchProcessor(
    framework_version="1.8", role=role, instance_type="ml.m5.xlarge", instance_count=1, base_job_name="double"
)
processor.run(
    code="double.py", source_dir=CODE, arguments=["--a", "1"],
    inputs=[ProcessingInput(source="t.pt", destination="/opt/ml/processing/input/data")],
    outputs=[
        ProcessingOutput(
            output_name="out", source="/opt/ml/processing/output", destination=f"s3://{bucket}/torch/out"
        )
    ],
)  # fmt: skip
session.download_data(".", bucket, "torch/out/t.pt")
seen["processed"] = torch.load("t.pt").tolist()

print()
print(json.dumps(seen))
