"""A script for SDK 3: the resources of sagemaker.core, serializers, TransformJob, a Run, and what it raises.

Bundled breast-cancer data; the last line on stdout is one JSON object with what was seen.
"""

import json

import boto3
import numpy as np
from botocore.exceptions import ClientError
from sagemaker.core import image_uris
from sagemaker.core.deserializers import CSVDeserializer, JSONDeserializer
from sagemaker.core.experiments.run import Run, load_run
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.resources import Endpoint, EndpointConfig, Model, TrainingJob, TransformJob
from sagemaker.core.serializers import CSVSerializer, JSONSerializer
from sagemaker.core.shapes import (
    AlgorithmSpecification,
    Channel,
    ContainerDefinition,
    DataSource,
    OutputDataConfig,
    ProductionVariant,
    ResourceConfig,
    S3DataSource,
    StoppingCondition,
    TransformDataSource,
    TransformInput,
    TransformOutput,
    TransformResources,
    TransformS3DataSource,
)
from sagemaker.core.utils.exceptions import FailedStatusError
from sklearn.datasets import load_breast_cancer

features, labels = load_breast_cancer(return_X_y=True)
session = Session()
role = get_execution_role()
bucket = session.default_bucket()
np.savetxt("train.csv", np.column_stack([labels, features]), delimiter=",", fmt="%g")
np.savetxt("ask.csv", features[:50], delimiter=",", fmt="%g")
train = session.upload_data("train.csv", bucket=bucket, key_prefix="v3-core/train")
ask = session.upload_data("ask.csv", bucket=bucket, key_prefix="v3-core/ask")
image = image_uris.retrieve("linear-learner", session.boto_region_name)


def training(name, **changed):
    return TrainingJob.create(
        training_job_name=name,
        algorithm_specification=AlgorithmSpecification(training_image=image, training_input_mode="File"),
        role_arn=role,
        input_data_config=[
            Channel(
                channel_name="train",
                content_type="text/csv",
                data_source=DataSource(
                    s3_data_source=S3DataSource(
                        s3_data_type="S3Prefix", s3_uri=train, s3_data_distribution_type="FullyReplicated"
                    )
                ),
            )
        ],
        output_data_config=OutputDataConfig(s3_output_path=f"s3://{bucket}/v3-core/output"),
        resource_config=ResourceConfig(instance_type="ml.m5.large", instance_count=1, volume_size_in_gb=10),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=600),
        hyper_parameters={
            "predictor_type": "binary_classifier", "epochs": "5", "num_models": "2",
            "mini_batch_size": "50", **changed,
        },
    )  # fmt: skip


job = training("v3-core-job")
job.wait(poll=1)
failed = training("v3-core-failed", predictor_type="multiclass_classifier")
try:
    failed.wait(poll=1)
    failure = ""
except FailedStatusError as error:
    failure = str(error)
listed = [each.training_job_name for each in TrainingJob.get_all(name_contains="v3-core")]

model = Model.create(
    model_name="v3-core-model",
    primary_container=ContainerDefinition(image=image, model_data_url=job.model_artifacts.s3_model_artifacts),
    execution_role_arn=role,
)
variant = ProductionVariant(
    variant_name="A", model_name="v3-core-model", instance_type="ml.m5.large", initial_instance_count=1
)
config = EndpointConfig.create(endpoint_config_name="v3-core-config", production_variants=[variant])
endpoint = Endpoint.create(endpoint_name="v3-core-endpoint", endpoint_config_name="v3-core-config")
endpoint.wait_for_status("InService", poll=1)
again = Endpoint.get("v3-core-endpoint")

rows = features[:3]
answers = {}
reply = endpoint.invoke(
    body=CSVSerializer().serialize(rows), content_type="text/csv", accept="application/json"
)
answers["csv"] = JSONDeserializer().deserialize(reply.body, "application/json")["predictions"]
reply = endpoint.invoke(
    body=JSONSerializer().serialize({"instances": [{"features": row.tolist()} for row in rows]}),
    content_type="application/json",
    accept="application/json",
)
answers["json"] = JSONDeserializer().deserialize(reply.body, "application/json")["predictions"]
reply = endpoint.invoke(body=CSVSerializer().serialize(rows), content_type="text/csv", accept="text/csv")
answers["to_csv"] = CSVDeserializer().deserialize(reply.body, "text/csv")
try:
    endpoint.invoke(body="a,b", content_type="text/csv")
    wrong = ""
except ClientError as error:
    wrong = error.response["Error"]["Code"]

transform = TransformJob.create(
    transform_job_name="v3-core-transform",
    model_name=model,
    transform_input=TransformInput(
        data_source=TransformDataSource(
            s3_data_source=TransformS3DataSource(s3_data_type="S3Prefix", s3_uri=ask)
        ),
        content_type="text/csv",
        split_type="Line",
    ),
    transform_output=TransformOutput(
        s3_output_path=f"s3://{bucket}/v3-core/answers", assemble_with="Line", accept="text/csv"
    ),
    transform_resources=TransformResources(instance_type="ml.m5.large", instance_count=1),
    batch_strategy="MultiRecord",
)
transform.wait(poll=1)
transform.refresh()
lines = boto3.client("s3").get_object(Bucket=bucket, Key="v3-core/answers/ask.csv.out")["Body"].read()

endpoint.delete()
endpoint.wait_for_delete(poll=1)
config.delete()
model.delete()
try:
    Endpoint.get("v3-core-endpoint")
    gone = ""
except ClientError as error:
    gone = error.response["Error"]["Message"]

run_names = {"experiment_name": "v3-core", "run_name": "first", "sagemaker_session": session}
with Run(**run_names) as run:
    run.log_parameters({"rate": 0.1, "kind": "linear"})
    for step in range(12):  # more than it sends at a time
        run.log_metric("loss", 12 - step, step=step)
    run.log_file("ask.csv", is_output=False)
with load_run(**run_names) as run:
    run.log_parameter("later", 3)
tracked = boto3.client("sagemaker").describe_trial_component(TrialComponentName="v3-core-first")
loss = tracked["Metrics"][0]

print()
print(
    json.dumps(
        {
            "run": [tracked["Status"]["PrimaryStatus"], sorted(tracked["Parameters"])],
            "loss": [loss["Count"], loss["Last"], loss["Avg"]],
            "role": role,
            "bucket": bucket,
            "image": image,
            "status": [job.refresh().training_job_status, job.secondary_status],
            "metrics": sorted({each.metric_name for each in job.final_metric_data_list})[:3],
            "failure": failure,
            "listed": sorted(listed),
            "endpoint": again.endpoint_status,
            "variant": again.production_variants[0].current_weight,
            "answers": answers,
            "wrong": wrong,
            "transform": transform.transform_job_status,
            "lines": len(lines.decode().splitlines()),
            "gone": gone,
            "models": len(list(Model.get_all(name_contains="v3-core"))),
        }
    )
)
