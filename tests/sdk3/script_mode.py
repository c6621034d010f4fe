"""A script for SDK 3: a learner's own train.py by SourceCode, with its log, a failure of it, and processing;
then ModelBuilder with an InferenceSpec and a SchemaBuilder.

The last line on stdout is one JSON object with what was seen.
"""

import json
import logging
import pathlib

import boto3
import numpy as np
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.processing import ScriptProcessor
from sagemaker.core.resources import ProcessingJob, TrainingJob
from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output
from sagemaker.core.training.configs import Compute, InputData, SourceCode
from sagemaker.core.utils.exceptions import FailedStatusError
from sagemaker.serve import ModelBuilder
from sagemaker.serve.builder.schema_builder import SchemaBuilder
from sagemaker.serve.spec.inference_spec import InferenceSpec
from sagemaker.serve.utils.types import ModelServer
from sagemaker.train import ModelTrainer
from sklearn.datasets import load_iris

TRAIN = """
import argparse, os, sys
import joblib, numpy as np
from sklearn.tree import DecisionTreeClassifier

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--max-depth", type=int, default=2)
    parser.add_argument("--fail", type=int, default=0)
    given = parser.parse_args()
    if given.fail:
        raise RuntimeError("the learner made a mistake")
    table = np.loadtxt(os.path.join(os.environ["SM_CHANNEL_TRAIN"], "iris.csv"), delimiter=",")
    model = DecisionTreeClassifier(max_depth=given.max_depth, random_state=0).fit(table[:, 1:], table[:, 0])
    print(f"depth={given.max_depth} accuracy={model.score(table[:, 1:], table[:, 0]):.4f}")
    joblib.dump(model, os.path.join(os.environ["SM_MODEL_DIR"], "model.joblib"))
"""
PROCESS = """
import sys
import numpy as np
table = np.loadtxt("/opt/ml/processing/input/iris.csv", delimiter=",")
np.savetxt("/opt/ml/processing/output/mean.csv", table.mean(axis=0, keepdims=True), delimiter=",")
print("arguments", sys.argv[1:])
"""

# The SDK writes a job's log with Python's logging, and leaves it to the program to show it.
logging.basicConfig(level=logging.INFO, format="%(message)s")
session = Session()
role = get_execution_role()
bucket = session.default_bucket()
features, labels = load_iris(return_X_y=True)
np.savetxt("iris.csv", np.column_stack([labels, features]), delimiter=",", fmt="%g")
data = session.upload_data("iris.csv", bucket=bucket, key_prefix="v3-script/train")
source = pathlib.Path("source")
source.mkdir()
source.joinpath("train.py").write_text(TRAIN)
image = image_uris.retrieve(
    "sklearn", "us-east-1", version="1.2-1", instance_type="ml.m5.large", image_scope="training"
)


def trainer(instances=1, **hyperparameters):
    return ModelTrainer(
        training_image=image,
        role=role,
        sagemaker_session=session,
        base_job_name="v3-script",
        compute=Compute(instance_type="ml.m5.large", instance_count=instances),
        source_code=SourceCode(source_dir="source", entry_script="train.py"),
        hyperparameters=hyperparameters,
    )


channel = InputData(channel_name="train", data_source="s3://" + data.split("//")[1].rsplit("/", 1)[0])
good = trainer(2, **{"max-depth": 3})  # the log is shown once each instance has its stream
good.train(input_data_config=[channel])
job = good._latest_training_job
stream = boto3.client("logs").filter_log_events(
    logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=job.training_job_name
)
printed = [each["message"] for each in stream["events"] if each["message"].startswith("depth=")]
bad = trainer(fail=1)
try:
    bad.train(input_data_config=[channel], logs=False)
    failure = ""
except FailedStatusError as error:
    failure = str(error)

processor = ScriptProcessor(
    role=role, image_uri=image, command=["python3"], instance_count=1, instance_type="ml.m5.large",
    base_job_name="v3-process", sagemaker_session=session,
)  # fmt: skip
pathlib.Path("process.py").write_text(PROCESS)
processor.run(
    code="process.py",
    inputs=[
        ProcessingInput(
            input_name="input",
            s3_input=ProcessingS3Input(
                s3_uri=data, local_path="/opt/ml/processing/input", s3_data_type="S3Prefix",
                s3_input_mode="File",
            ),
        )
    ],
    outputs=[
        ProcessingOutput(
            output_name="output",
            s3_output=ProcessingS3Output(
                s3_uri=f"s3://{bucket}/v3-script/processed", local_path="/opt/ml/processing/output",
                s3_upload_mode="EndOfJob",
            ),
        )
    ],
    arguments=["--rows", "150"],
)  # fmt: skip
processed = ProcessingJob.get(processor.latest_job.processing_job_name)
mean = boto3.client("s3").get_object(Bucket=bucket, Key="v3-script/processed/mean.csv")["Body"].read()


class Doubling(InferenceSpec):
    def load(self, model_dir):
        return json.loads(pathlib.Path(model_dir, "factor.json").read_text())["factor"]

    def invoke(self, input_object, model):
        return [[value * model for value in row] for row in input_object]

    def postprocess(self, predictions):
        return {"doubled": predictions}


folder = pathlib.Path("model")
folder.mkdir()
folder.joinpath("factor.json").write_text('{"factor": 2}')
builder = ModelBuilder(
    inference_spec=Doubling(),
    schema_builder=SchemaBuilder([[1.0, 2.0]], {"doubled": [[2.0, 4.0]]}),
    model_path=str(folder.absolute()),
    model_server=ModelServer.TORCHSERVE,
    image_uri=image,
    dependencies={"auto": False},
    role_arn=role,
    sagemaker_session=session,
)
built = builder.build(model_name="v3-spec")
endpoint = builder.deploy(endpoint_name="v3-spec", initial_instance_count=1, instance_type="ml.m5.large")
answer = endpoint.invoke(body="[[1, 2], [3, 4]]", content_type="application/json").body.read()
# The SDK's own invoke_with_response_stream cannot read what botocore answers.
streamed = boto3.client("sagemaker-runtime").invoke_endpoint_with_response_stream(
    EndpointName="v3-spec", Body="[[5, 6]]", ContentType="application/json"
)
parts = b"".join(event["PayloadPart"]["Bytes"] for event in streamed["Body"])
endpoint.delete()
built.delete()

print()
print(
    json.dumps(
        {
            "answer": json.loads(answer),
            "streamed": json.loads(parts),
            "status": TrainingJob.get(job.training_job_name).training_job_status,
            "printed": printed,
            "failure": failure,
            "processing": processed.processing_job_status,
            "arguments": processed.app_specification.container_arguments,
            "mean": len(mean.decode().strip().split(",")),
        }
    )
)
