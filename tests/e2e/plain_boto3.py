"""A learner's own boto3 script: it knows SageMaker, and of the sandbox only what the AWS_* variables say.

Trains Linear Learner on two clouds of points, deploys it, asks it for a prediction, runs a batch transform
and deletes everything. The last line on stdout is one JSON object with what it saw.
"""

import json
import os
import time

import boto3
import numpy as np

region = os.environ["AWS_DEFAULT_REGION"]
sagemaker = boto3.client("sagemaker")
runtime = boto3.client("sagemaker-runtime")
s3 = boto3.client("s3")
logs = boto3.client("logs")
identity = boto3.client("sts").get_caller_identity()

account = identity["Account"]
role = f"arn:aws:iam::{account}:role/{identity['Arn'].split('/')[1]}"
bucket = f"plain-boto3-{account}"
image = f"382416733822.dkr.ecr.{region}.amazonaws.com/linear-learner:1"
name = "plain-boto3-points"

if region == "us-east-1":
    s3.create_bucket(Bucket=bucket)
else:
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})

generator = np.random.default_rng(7)
labels = generator.integers(0, 2, 600)
points = generator.normal(0, 1, (600, 3)) + labels[:, None] * np.array([2.5, -2.0, 0.0])


def csv(rows: np.ndarray) -> bytes:
    return "\n".join(",".join(f"{value:.6g}" for value in row) for row in rows).encode() + b"\n"


table = np.column_stack([labels, points])
s3.put_object(Bucket=bucket, Key="in/train/part-0.csv", Body=csv(table[:250]))
s3.put_object(Bucket=bucket, Key="in/train/part-1.csv", Body=csv(table[250:400]))
s3.put_object(Bucket=bucket, Key="in/validation/rows.csv", Body=csv(table[400:500]))
s3.put_object(Bucket=bucket, Key="batch/rows.csv", Body=csv(points[500:]))


def channel(kind: str) -> dict:
    source = {
        "S3DataType": "S3Prefix",
        "S3Uri": f"s3://{bucket}/in/{kind}/",
        "S3DataDistributionType": "FullyReplicated",
    }
    return {"ChannelName": kind, "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}


sagemaker.create_training_job(
    TrainingJobName=name,
    AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"},
    RoleArn=role,
    InputDataConfig=[channel("train"), channel("validation")],
    OutputDataConfig={"S3OutputPath": f"s3://{bucket}/out"},
    ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
    StoppingCondition={"MaxRuntimeInSeconds": 600},
    HyperParameters={"predictor_type": "binary_classifier", "mini_batch_size": "50", "epochs": "8"},
)
sagemaker.get_waiter("training_job_completed_or_stopped").wait(
    TrainingJobName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
)
job = sagemaker.describe_training_job(TrainingJobName=name)

streams = logs.describe_log_streams(
    logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{name}/"
)
stream = streams["logStreams"][0]["logStreamName"]
lines = [
    event["message"]
    for event in logs.get_log_events(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamName=stream, startFromHead=True
    )["events"]
]

sagemaker.create_model(
    ModelName=name,
    PrimaryContainer={"Image": image, "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]},
    ExecutionRoleArn=role,
)
sagemaker.create_endpoint_config(
    EndpointConfigName=name,
    ProductionVariants=[
        {
            "VariantName": "AllTraffic",
            "ModelName": name,
            "InitialInstanceCount": 1,
            "InstanceType": "ml.m5.large",
        }
    ],
)
sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
sagemaker.get_waiter("endpoint_in_service").wait(
    EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
)
answer = runtime.invoke_endpoint(EndpointName=name, ContentType="text/csv", Body=csv(points[500:503]))
predictions = json.loads(answer["Body"].read())["predictions"]

sagemaker.create_transform_job(
    TransformJobName=name,
    ModelName=name,
    BatchStrategy="MultiRecord",
    TransformInput={
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/batch/"}},
        "ContentType": "text/csv",
        "SplitType": "Line",
    },
    TransformOutput={
        "S3OutputPath": f"s3://{bucket}/batch-out",
        "AssembleWith": "Line",
        "Accept": "application/jsonlines",
    },
    TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
)
while sagemaker.describe_transform_job(TransformJobName=name)["TransformJobStatus"] == "InProgress":
    time.sleep(0.2)
batch = s3.get_object(Bucket=bucket, Key="batch-out/rows.csv.out")["Body"].read().decode().splitlines()
labelled = [json.loads(line)["predicted_label"] for line in batch]

sagemaker.delete_endpoint(EndpointName=name)
sagemaker.get_waiter("endpoint_deleted").wait(
    EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
)
sagemaker.delete_endpoint_config(EndpointConfigName=name)
sagemaker.delete_model(ModelName=name)

print(
    json.dumps(
        {
            "status": job["TrainingJobStatus"],
            "transitions": [item["Status"] for item in job["SecondaryStatusTransitions"]],
            "metrics": sorted(item["MetricName"] for item in job["FinalMetricDataList"]),
            "log_lines": len(lines),
            "invoked": len(predictions),
            "keys": sorted(predictions[0]),
            "transformed": len(labelled),
            "accuracy": float(np.mean(np.array(labelled) == labels[500:])),
            "endpoints": len(sagemaker.list_endpoints()["Endpoints"]),
        }
    )
)
