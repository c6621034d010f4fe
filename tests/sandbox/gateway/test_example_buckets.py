"""The public buckets that tutorials read, over S3."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from sagewizard.sandbox.server import Sandbox

FILES = "sagemaker-sample-files"
MNIST = "datasets/image/MNIST/mnist.pkl.gz"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("example-home")


@pytest.fixture(scope="module")
def s3(moto_imported, home, clients_of):
    data = home / "data"
    (data / "mnist").mkdir(parents=True)
    (data / "mnist" / "mnist.pkl.gz").write_bytes(b"digits")
    (data / FILES / "datasets" / "own").mkdir(parents=True)
    (data / FILES / "datasets" / "own" / "a.csv").write_bytes(b"1,2\n")
    (data / FILES / "outside").symlink_to("/etc/passwd")
    (data / "jumpstart-cache-prod-us-west-2").mkdir()
    (data / "jumpstart-cache-prod-us-west-2" / "a.csv").write_bytes(b"3\n")
    cached = home / "cache" / "iris"
    cached.mkdir(parents=True)
    (cached / f"{'0' * 64}.iris.data").write_bytes(b"5.1\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAGEWIZARD_DATA", str(data))
        sandbox = Sandbox(home / "sandbox", sagemaker=lambda _: None)
    sandbox.start()
    made = clients_of(sandbox.services.endpoint_url, sandbox.services.credentials)
    yield made("s3")
    made.close()
    sandbox.close()


def body(s3, bucket, key):
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


@pytest.mark.parametrize(
    ("bucket", "key"),
    [
        ("sagemaker-example-files-prod-us-east-1", MNIST),
        ("sagemaker-example-files-prod-ap-southeast-2", MNIST),
        (FILES, MNIST),
        ("sagemaker-sample-data-us-west-2", "algorithms/kmeans/mnist/mnist.pkl.gz"),
    ],
)
def test_a_dataset_of_this_machine_is_in_its_places(s3, bucket, key):
    assert body(s3, bucket, key) == b"digits"
    assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == 6


def test_the_bucket_of_jumpstart_says_what_is_missing(s3):
    with pytest.raises(ClientError, match="JumpStart, which the sandbox does not have") as refused:
        body(s3, "jumpstart-cache-prod-us-east-1", "models_manifest.json")
    assert refused.value.response["Error"]["Code"] == "NoSuchBucket"
    assert body(s3, "jumpstart-cache-prod-us-west-2", "a.csv") == b"3\n"


def test_a_download_in_the_cache_is_served(s3):
    assert body(s3, FILES, "datasets/tabular/iris/iris.data") == b"5.1\n"


def test_a_file_at_bucket_and_key_in_the_data_folder_is_served_and_listed(s3):
    assert body(s3, FILES, "datasets/own/a.csv") == b"1,2\n"
    listed = [each["Key"] for each in s3.list_objects_v2(Bucket=FILES)["Contents"]]
    assert listed == [MNIST, "datasets/own/a.csv", "datasets/tabular/iris/iris.data"]


def test_abalone_is_there_in_the_form_that_tutorials_read(s3, home):
    key = "datasets/tabular/uci_abalone/abalone.libsvm"
    table = home / "data" / "abalone" / "abalone.csv"
    table.parent.mkdir()
    table.write_text("M,0.455,0.365,0.095,0.514,0.2245,0.101,0.15,15\nI,0.3,0.2,0.1,0.5,0.2,0.1,0.1,7\n")
    wanted = (
        b"15 1:1 2:0.455 3:0.365 4:0.095 5:0.514 6:0.2245 7:0.101 8:0.15\n"
        b"7 1:3 2:0.3 3:0.2 4:0.1 5:0.5 6:0.2 7:0.1 8:0.1\n"
    )
    assert body(s3, "sagemaker-example-files-prod-us-east-1", key) == wanted
    table.write_text("what,is,this\n")
    with pytest.raises(ClientError, match=r"NoSuchKey.*abalone/abalone\.csv"):
        body(s3, FILES, key)
    table.unlink()
    table.parent.rmdir()


def test_a_link_that_leaves_the_folder_is_not_served(s3):
    with pytest.raises(ClientError, match="NoSuchKey"):
        body(s3, FILES, "outside")


def test_a_file_that_changed_is_served_as_it_is_now(s3, home):
    path = home / "data" / FILES / "datasets" / "changing.csv"
    path.write_bytes(b"old")
    assert body(s3, FILES, "datasets/changing.csv") == b"old"
    path.write_bytes(b"newer")
    assert body(s3, FILES, "datasets/changing.csv") == b"newer"
    path.unlink()


def test_a_missing_object_says_how_to_provide_it(s3, home):
    with pytest.raises(ClientError) as caught:
        body(s3, FILES, "datasets/tabular/uci_abalone/abalone.csv")
    error = caught.value.response["Error"]
    assert error["Code"] == "NoSuchKey"
    assert f"$SAGEWIZARD_DATA/{FILES}/datasets/tabular/uci_abalone/abalone.csv" in error["Message"]
    assert "$SAGEWIZARD_DATA/abalone/abalone.csv" in error["Message"]
    assert str(home / "data") in error["Message"]


def test_the_buckets_can_only_be_read_and_are_not_ones_own(s3):
    with pytest.raises(ClientError, match=r"AccessDenied.*only be read"):
        s3.put_object(Bucket=FILES, Key="x", Body=b"")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=FILES, Key=MNIST)
    body(s3, FILES, MNIST)
    assert not [each for each in s3.list_buckets()["Buckets"] if each["Name"].startswith("sagemaker-sample")]


def test_an_example_can_be_copied_into_a_bucket_of_ones_own(s3):
    s3.create_bucket(Bucket="own-bucket")
    source = {"Bucket": "sagemaker-example-files-prod-eu-west-1", "Key": MNIST}
    s3.copy_object(Bucket="own-bucket", Key="digits", CopySource=source)
    assert body(s3, "own-bucket", "digits") == b"digits"


def test_the_notebooks_data_configuration_names_the_bucket(s3):
    import json

    config = json.loads(body(s3, "example-notebooks-data-config", "config/data_config.json"))
    assert config["default"] == "sagemaker-example-files-prod-us-east-1"


def test_a_bucket_that_only_looks_like_one_is_not_there(s3):
    with pytest.raises(ClientError, match="NoSuchBucket"):
        body(s3, "sagemaker-sample-data-nowhere", "x")
