"""Bad input to a real sandbox, through boto3: each mistake ends with the service's status and sentence."""

from __future__ import annotations

import io
import itertools
import tarfile
import threading
import time

import pytest
from botocore.exceptions import ClientError

from sagewizard import algorithms
from sagewizard.sandbox import launcher
from sagewizard.settings import Settings

BUCKET = "sagemaker-us-east-1-123456789012"
ROLE = "arn:aws:iam::123456789012:role/SageWizardSandboxRole"
XGBOOST = {"num_round": "3", "objective": "binary:logistic"}
LINEAR = {"predictor_type": "binary_classifier", "mini_batch_size": "2", "epochs": "1"}
GOOD = "1,2,3\n0,5,4\n1,1,3\n0,6,4\n"
NOBODYS_LOG = "ClientError: See job logs for more information"
_NUMBERS = itertools.count(1)


class Bench:
    def __init__(self, clients):
        self.s3, self.sagemaker, self.logs = clients("s3"), clients("sagemaker"), clients("logs")

    def put(self, key, body):
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body.encode() if isinstance(body, str) else body)
        return key

    def wait(self, describe, member, **name):
        deadline = time.monotonic() + 60
        while (found := describe(**name))[member] == "InProgress":
            assert time.monotonic() < deadline, found
            threading.Event().wait(0.02)
        return found

    def train(self, image, settings, **channels):
        """Train over channels given as text, or as a prefix that ends in a slash."""
        name = f"job-{next(_NUMBERS)}"
        for channel, text in channels.items():
            if not text.endswith("/"):
                self.put(f"{name}/{channel}/rows.csv", text)
                channels[channel] = f"{name}/{channel}/"
        self.sagemaker.create_training_job(
            TrainingJobName=name,
            RoleArn=ROLE,
            AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"},
            HyperParameters=settings,
            InputDataConfig=[
                {
                    "ChannelName": channel,
                    "ContentType": "text/csv",
                    "DataSource": {
                        "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{prefix}"}
                    },
                }
                for channel, prefix in channels.items()
            ],
            OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/out"},
            ResourceConfig={"InstanceCount": 1, "InstanceType": "ml.m4.xlarge", "VolumeSizeInGB": 5},
            StoppingCondition={"MaxRuntimeInSeconds": 60},
        )
        return self.wait(self.sagemaker.describe_training_job, "TrainingJobStatus", TrainingJobName=name)

    def log(self, group, name):
        stream = self.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")
        return [
            event["message"]
            for found in stream["logStreams"]
            for event in self.logs.get_log_events(
                logGroupName=group, logStreamName=found["logStreamName"], startFromHead=True
            )["events"]
        ]


@pytest.fixture(scope="module")
def bench(tmp_path_factory, clients_of):
    settings = Settings(home=tmp_path_factory.mktemp("home"), data=None)
    address = launcher.ensure(settings)
    clients = clients_of(address.url, address.credentials)
    yield Bench(clients)
    clients.close()
    launcher.stop(settings, force=True)


def xgboost(version):
    return algorithms.image_uri("xgboost", "us-east-1", version)


def linear():
    return algorithms.image_uri("linear-learner", "us-east-1", "1")


PARSE = "ClientError: Unable to parse csv: rows 1-1000, file /opt/ml/input/data/train/rows.csv"
LABELS = "ClientError: label must be in [0,1] for logistic regression"
CLASSES = {"num_round": "2", "objective": "multi:softmax", "num_class": "3"}
HEADER = (
    "ClientError: Non-numeric value 'c' found in the header line 'class,a,b\n...' of file 'rows.csv'. CSV"
    " format require no header line in it. If header line is already removed, XGBoost does not accept"
    " non-numeric value in the data."
)
NOT_BINARY = (
    "ClientError: The label of a binary_classifier must be 0 or 1, but the label of row 1 in data channel"
    " 'train' is 63. Please fix the input and try again."
)
LL_UNKNOWN = "AlgorithmError: Additional properties are not allowed ('mini_batch_siz' was unexpected)"
EMPTY = "ClientError: No data in {} channel path /opt/ml/input/data/{}"
CASES = [
    ("label not first", "1.0-1", XGBOOST, {"train": "63.0,22.5,1\n39.0,10.0,0\n"}, LABELS),
    ("label not first", None, LINEAR, {"train": "63.0,22.5,1\n39.0,10.0,0\n"}, NOT_BINARY),
    (
        "labels outside the range",
        "1.7-1",
        CLASSES,
        {"train": "5,1,2\n1,2,3\n"},
        "ClientError: SoftmaxMultiClassObj: label must be in [0, num_class).",
    ),
    ("header row", "1", XGBOOST, {"train": "class,a,b\n" + GOOD}, HEADER),
    ("header row", None, LINEAR, {"train": "class,a,b\n" + GOOD}, PARSE),
    ("string in a column", None, LINEAR, {"train": GOOD + "1,two,3\n"}, PARSE),
    (
        "unequal widths",
        "1.0-1",
        XGBOOST,
        {"train": GOOD, "validation": "1,2,3,4\n0,1,1,1\n"},
        "ClientError: feature_names mismatch: ['f0', 'f1'] ['f0', 'f1', 'f2']",
    ),
    (
        "unequal widths",
        None,
        LINEAR,
        {"train": GOOD, "validation": "1,2,3,4\n0,1,1,1\n"},
        "ClientError: Unable to read data channel 'validation'",
    ),
    ("empty channel", "1.0-1", XGBOOST, {"train": ""}, EMPTY.format("training", "train")),
    (
        "empty channel",
        "1.0-1",
        XGBOOST,
        {"train": GOOD, "validation": ""},
        EMPTY.format("validation", "validation"),
    ),
    (
        "silent",
        "1.7-1",
        {**XGBOOST, "silent": "1"},
        {"train": GOOD},
        "ClientError: Extraneous hyperparameter found: silent",
    ),
    (
        "unknown",
        "1.0-1",
        {**XGBOOST, "depth": "1"},
        {"train": GOOD},
        "ClientError: Extraneous hyperparameter found: depth",
    ),
    ("unknown", None, {**LINEAR, "mini_batch_siz": "1"}, {"train": GOOD}, LL_UNKNOWN),
]


@pytest.mark.parametrize(
    ("version", "settings", "channels", "reason"),
    [case[1:] for case in CASES],
    ids=[f"{case[0]}, {case[1] or 'linear learner'}" for case in CASES],
)
def test_a_training_job_over_bad_input_fails_in_the_containers_words(
    bench, version, settings, channels, reason
):
    job = bench.train(xgboost(version) if version else linear(), settings, **channels)
    assert job.get("FailureReason", "none").startswith(reason)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    last = job["SecondaryStatusTransitions"][-1]
    assert (last["Status"], last["StatusMessage"]) == ("Failed", "Training job failed")


def test_a_string_in_a_column_is_a_missing_value_of_newer_xgboost_images_and_the_log_says_so(bench):
    job = bench.train(xgboost("1.0-1"), XGBOOST, train="1,two,3\n" + GOOD)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    log = bench.log("/aws/sagemaker/TrainingJobs", job["TrainingJobName"])
    assert any(
        line.startswith("Sandbox: the first line of /opt/ml/input/data/train/rows.csv holds text ('two').")
        for line in log
    )


def test_a_prefix_with_nothing_under_it_is_refused_when_the_job_is_created(bench):
    with pytest.raises(ClientError) as caught:
        bench.train(linear(), LINEAR, train="nowhere/")
    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert response["Error"]["Code"] == "ValidationException"
    assert response["Error"]["Message"].startswith(
        f'No S3 objects found under S3 URL "s3://{BUCKET}/nowhere/" given in input data source. Please ensure'
        " that the bucket exists in the selected region (us-east-1), that objects exist under that S3 prefix,"
        f' and that the role "{ROLE}" has "s3:ListBucket" permissions on bucket "{BUCKET}".'
    )


def test_a_script_that_exits_3_fails_its_job_with_its_code_and_words(bench):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        source = b"import sys\nsys.stderr.write('the data is bad\\n')\nsys.exit(3)\n"
        member = tarfile.TarInfo("train.py")
        member.size = len(source)
        archive.addfile(member, io.BytesIO(source))
    place = bench.put("code/source.tar.gz", packed.getvalue())
    settings = {"sagemaker_program": "train.py", "sagemaker_submit_directory": f"s3://{BUCKET}/{place}"}
    image = algorithms.image_uri("sklearn", "us-east-1", "1.2-1")
    job = bench.train(image, settings, train=GOOD)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == (
        "AlgorithmError: ExecuteUserScriptError:\nExitCode 3\n"
        'ErrorMessage "the data is bad"\nCommand "/miniconda3/bin/python train.py"'
    )


@pytest.mark.parametrize("version", ["1.0-1", None], ids=["xgboost", "linear learner"])
def test_a_transform_over_a_corrupt_object_does_the_good_ones_and_fails(bench, version):
    image = xgboost(version) if version else linear()
    job = bench.train(image, XGBOOST if version else LINEAR, train=GOOD)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    name = job["TrainingJobName"]
    container = {"Image": image, "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]}
    bench.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    for file, rows in (("a-good", "2,3\n5,4\n"), ("b-bad", "no,numbers\n"), ("c-good", "6,4\n")):
        bench.put(f"{name}/mixed/{file}.csv", rows)
    bench.sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=name,
        TransformInput={
            "DataSource": {
                "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{name}/mixed/"}
            },
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        TransformOutput={"S3OutputPath": f"s3://{BUCKET}/{name}/out", "AssembleWith": "Line"},
        TransformResources={"InstanceType": "ml.m4.xlarge", "InstanceCount": 1},
    )
    found = bench.wait(bench.sagemaker.describe_transform_job, "TransformJobStatus", TransformJobName=name)
    assert (found["TransformJobStatus"], found["FailureReason"]) == ("Failed", NOBODYS_LOG)
    listed = bench.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{name}/out/").get("Contents", [])
    assert [entry["Key"].rpartition("/")[2] for entry in listed] == ["a-good.csv.out", "c-good.csv.out"]
    assert any("b-bad.csv" in line for line in bench.log("/aws/sagemaker/TransformJobs", name))
