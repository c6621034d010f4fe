"""A script for SDK 2: serverless and asynchronous endpoints, data capture.

Bundled iris data; the last line on stdout is one JSON object with what was seen.
"""

import json
import time

import boto3
import sagemaker
from botocore.exceptions import ClientError
from sagemaker import LinearLearner, get_execution_role
from sagemaker.async_inference import AsyncInferenceConfig
from sagemaker.deserializers import JSONDeserializer
from sagemaker.model_monitor import DataCaptureConfig
from sagemaker.serializers import CSVSerializer
from sagemaker.serverless import ServerlessInferenceConfig
from sklearn.datasets import load_iris

session = sagemaker.Session()
bucket = session.default_bucket()
client = session.sagemaker_client
features, kinds = load_iris(return_X_y=True)
learner = LinearLearner(
    role=get_execution_role(),
    instance_count=1,
    instance_type="ml.m5.large",
    predictor_type="multiclass_classifier",
    num_classes=3,
    num_models=4,
    epochs=5,
    sagemaker_session=session,
)
learner.fit(
    learner.record_set(features.astype("float32"), labels=kinds.astype("float32")),
    mini_batch_size=30,
    logs=False,
)
model = learner.create_model()
seen = {}

serverless = model.deploy(
    serverless_inference_config=ServerlessInferenceConfig(memory_size_in_mb=2048, max_concurrency=5),
    endpoint_name="kinds-serverless",
)
serverless.serializer, serverless.deserializer = CSVSerializer(), JSONDeserializer()
wanted = serverless.predict(features[:2])
seen["wanted"] = wanted
variant = client.describe_endpoint(EndpointName="kinds-serverless")["ProductionVariants"][0]
seen["serverless"] = [variant["CurrentServerlessConfig"], "CurrentInstanceCount" in variant]

asynchronous = model.deploy(
    initial_instance_count=1,
    instance_type="ml.m5.large",
    endpoint_name="kinds-async",
    async_inference_config=AsyncInferenceConfig(
        output_path=f"s3://{bucket}/async/out", failure_path=f"s3://{bucket}/async/failed"
    ),
)
for each in (asynchronous, asynchronous.predictor):
    each.serializer, each.deserializer = CSVSerializer(), JSONDeserializer()
answer = asynchronous.predict_async(features[:2])
for _ in range(200):
    try:
        seen["async"] = answer.get_result()
        break
    except sagemaker.exceptions.ObjectNotExistedError:
        time.sleep(0.05)
runtime, s3 = boto3.client("sagemaker-runtime"), boto3.client("s3")
s3.put_object(Bucket=bucket, Key="async/wrong.csv", Body=b"not,a,number,here\n")
wrong = runtime.invoke_endpoint_async(
    EndpointName="kinds-async", InputLocation=f"s3://{bucket}/async/wrong.csv", ContentType="text/csv",
    InferenceId="mine",
)  # fmt: skip
key = wrong["FailureLocation"].split("/", 3)[3]
for _ in range(200):
    try:
        seen["failure"] = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
        break
    except s3.exceptions.NoSuchKey:
        time.sleep(0.05)
seen["accepted"] = [wrong["InferenceId"], wrong["ResponseMetadata"]["HTTPStatusCode"]]
try:
    runtime.invoke_endpoint(EndpointName="kinds-async", Body=b"1,2,3,4", ContentType="text/csv")
except ClientError as error:
    seen["wrong way"] = error.response["Error"]["Message"]

captured = model.deploy(
    initial_instance_count=1,
    instance_type="ml.m5.large",
    endpoint_name="kinds-capture",
    data_capture_config=DataCaptureConfig(
        enable_capture=True, sampling_percentage=50, destination_s3_uri=f"s3://{bucket}/captured"
    ),
)
captured.serializer, captured.deserializer = CSVSerializer(), JSONDeserializer()
for row in features[:8]:
    captured.predict(row[None])
lines = []
for _ in range(200):
    found = s3.list_objects_v2(Bucket=bucket, Prefix="captured/kinds-capture/AllTraffic/").get("Contents", [])
    lines = [
        json.loads(line)
        for each in found
        for line in s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read().splitlines()
    ]
    if len(lines) == 4:
        break
    time.sleep(0.05)
seen["captured"] = lines
seen["keys"] = [each["Key"] for each in found]
seen["capture"] = client.describe_endpoint(EndpointName="kinds-capture")["DataCaptureConfig"]
cloudwatch = boto3.client("cloudwatch")
now = time.time()
seen["invocations"] = sum(
    point["Sum"]
    for point in cloudwatch.get_metric_statistics(
        Namespace="AWS/SageMaker", MetricName="Invocations", StartTime=now - 600, EndTime=now + 60, Period=60,
        Statistics=["Sum"],
        Dimensions=[
            {"Name": "EndpointName", "Value": "kinds-capture"},
            {"Name": "VariantName", "Value": "AllTraffic"},
        ],
    )["Datapoints"]
)  # fmt: skip

for name in ("kinds-serverless", "kinds-async", "kinds-capture"):
    session.delete_endpoint(name)
    session.delete_endpoint_config(name)

print()
print(json.dumps(seen))
