from __future__ import annotations

import threading

import pytest
from botocore.exceptions import ClientError

from sagewizard.clock import SystemClock
from sagewizard.sandbox.services import Pace

ARN = "arn:aws:sagemaker:us-east-1:123456789012:"


def error_of(call, *args, **kwargs):
    with pytest.raises(ClientError) as caught:
        call(*args, **kwargs)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.fixture
def hosted(sandbox, sagemaker, requests):
    """An endpoint `e` in service, of one variant."""
    sagemaker.create_model(**requests.model())
    sagemaker.create_endpoint_config(**requests.endpoint_config())
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="config-1")
    sandbox.settle()
    return sagemaker


def test_an_endpoint_is_creating_then_in_service_and_answers(sandbox, sagemaker, requests):
    sandbox.compute.may_start.clear()
    sagemaker.create_model(**requests.model())
    sagemaker.create_endpoint_config(**requests.endpoint_config())
    arn = sagemaker.create_endpoint(EndpointName="E", EndpointConfigName="config-1")["EndpointArn"]
    assert arn == ARN + "endpoint/e"
    creating = sagemaker.describe_endpoint(EndpointName="E")
    assert creating["EndpointStatus"] == "Creating"
    assert creating["ProductionVariants"][0]["CurrentInstanceCount"] == 0
    assert sandbox.app.busy() == ["endpoint E (Creating)"]
    runtime = sandbox.client("sagemaker-runtime")
    assert error_of(runtime.invoke_endpoint, EndpointName="E", Body=b"")[1] == (
        "Endpoint E of account 123456789012 not found."
    )
    sandbox.compute.may_start.set()
    sandbox.settle()
    done = sagemaker.describe_endpoint(EndpointName="E")
    assert done["EndpointStatus"] == "InService" and sandbox.app.busy() == []
    assert done["ProductionVariants"][0]["CurrentWeight"] == 1.0
    assert done["ProductionVariants"][0]["DeployedImages"][0]["SpecifiedImage"] == requests.image
    assert runtime.invoke_endpoint(EndpointName="E", Body=b"1")["InvokedProductionVariant"] == "AllTraffic"
    # The case of the name is kept and must be matched when it is invoked.
    assert error_of(runtime.invoke_endpoint, EndpointName="e", Body=b"")[0] == "ValidationError"


def test_every_answer_agrees_with_the_service_model(sandbox, requests, check_output):
    tags = [{"Key": "a", "Value": "b"}]
    check_output("CreateModel", requests.model(Tags=tags))
    check_output("DescribeModel", {"ModelName": "model-1"})
    check_output("ListModels", {})
    check_output("CreateEndpointConfig", requests.endpoint_config("config-1", 1.0, 2.0))
    check_output("CreateEndpointConfig", requests.endpoint_config("config-2", 3.0))
    check_output("DescribeEndpointConfig", {"EndpointConfigName": "config-1"})
    check_output("ListEndpointConfigs", {})
    check_output("CreateEndpoint", {"EndpointName": "e", "EndpointConfigName": "config-1"})
    check_output("DescribeEndpoint", {"EndpointName": "e"})
    sandbox.settle()
    check_output("DescribeEndpoint", {"EndpointName": "e"})
    sandbox.compute.may_start.clear()
    check_output("UpdateEndpoint", {"EndpointName": "e", "EndpointConfigName": "config-2"})
    assert "PendingDeploymentSummary" in check_output("DescribeEndpoint", {"EndpointName": "e"})
    sandbox.compute.may_start.set()
    sandbox.settle()
    weights = [{"VariantName": "AllTraffic", "DesiredWeight": 2.0, "DesiredInstanceCount": 2}]
    check_output(
        "UpdateEndpointWeightsAndCapacities", {"EndpointName": "e", "DesiredWeightsAndCapacities": weights}
    )
    sandbox.settle()
    variant = check_output("DescribeEndpoint", {"EndpointName": "e"})["ProductionVariants"][0]
    assert (variant["CurrentWeight"], variant["CurrentInstanceCount"]) == (2.0, 2)
    check_output("ListEndpoints", {})
    check_output("AddTags", {"ResourceArn": ARN + "model/model-1", "Tags": [{"Key": "c", "Value": ""}]})
    assert len(check_output("ListTags", {"ResourceArn": ARN + "model/model-1"})["Tags"]) == 2
    check_output("DeleteTags", {"ResourceArn": ARN + "model/model-1", "TagKeys": ["a", "zz"]})
    assert check_output("ListTags", {"ResourceArn": ARN + "model/model-1"})["Tags"] == [
        {"Key": "c", "Value": ""}
    ]


def test_names_that_are_taken_and_names_that_are_not_there(hosted, requests):
    assert error_of(hosted.create_model, **requests.model("MODEL-1")) == (
        "ValidationException",
        f'Cannot create already existing model "{ARN}model/model-1".',
    )
    assert error_of(hosted.create_endpoint_config, **requests.endpoint_config()) == (
        "ValidationException",
        f'Cannot create already existing endpoint configuration "{ARN}endpoint-config/config-1".',
    )
    assert error_of(hosted.create_endpoint, EndpointName="e", EndpointConfigName="config-1") == (
        "ValidationException",
        f'Cannot create already existing endpoint "{ARN}endpoint/e".',
    )
    for call in (hosted.describe_model, hosted.delete_model):
        assert error_of(call, ModelName="x")[1] == f'Could not find model "{ARN}model/x".'
    for call in (hosted.describe_endpoint_config, hosted.delete_endpoint_config):
        text = f'Could not find endpoint configuration "{ARN}endpoint-config/x".'
        assert error_of(call, EndpointConfigName="x")[1] == text
    for call in (hosted.describe_endpoint, hosted.delete_endpoint):
        assert error_of(call, EndpointName="x")[1] == f'Could not find endpoint "{ARN}endpoint/x".'
    missing = requests.endpoint_config("c", 1.0, model="x")
    assert error_of(hosted.create_endpoint_config, **missing)[1] == f'Could not find model "{ARN}model/x".'
    answer = error_of(hosted.create_endpoint, EndpointName="y", EndpointConfigName="x")
    assert answer[1] == f'Could not find endpoint configuration "{ARN}endpoint-config/x".'


def test_model_data_must_exist(sagemaker, requests):
    container = {"Image": requests.image, "ModelDataUrl": "s3://bucket/nope.tar.gz"}
    assert error_of(sagemaker.create_model, **requests.model(PrimaryContainer=container)) == (
        "ValidationException",
        "Could not find model data at s3://bucket/nope.tar.gz.",
    )


@pytest.mark.parametrize(
    "address",
    [
        "https://{}.s3.amazonaws.com/model.tar.gz",
        "https://{}.s3-us-east-1.amazonaws.com/model.tar.gz",
        "https://s3.us-east-1.amazonaws.com/{}/model%2Etar.gz",
    ],
)
def test_model_data_may_be_an_https_address_of_s3(sagemaker, requests, address):
    url = address.format(requests.bucket)
    container = {"Image": requests.image, "ModelDataUrl": url}
    sagemaker.create_model(**requests.model(PrimaryContainer=container))
    assert sagemaker.describe_model(ModelName="model-1")["PrimaryContainer"]["ModelDataUrl"] == url
    container = {"Image": requests.image, "ModelDataUrl": "https://example.com/model.tar.gz"}
    assert error_of(sagemaker.create_model, **requests.model("other", PrimaryContainer=container)) == (
        "ValidationException",
        "Could not find model data at https://example.com/model.tar.gz.",
    )


def test_a_model_may_be_the_files_below_a_prefix(sagemaker, requests):
    def create(name, uri, kind="S3Prefix", compression="None"):
        source = {"S3Uri": uri, "S3DataType": kind, "CompressionType": compression}
        container = {"Image": requests.image, "ModelDataSource": {"S3DataSource": source}}
        sagemaker.create_model(**requests.model(name, PrimaryContainer=container))
        return sagemaker.describe_model(ModelName=name)["PrimaryContainer"]["ModelDataSource"]["S3DataSource"]

    assert create("below", f"s3://{requests.bucket}/train/")["S3Uri"] == f"s3://{requests.bucket}/train/"
    assert create("packed", f"s3://{requests.bucket}/model.tar.gz", "S3Object", "Gzip")
    for arguments, words in (
        ((f"s3://{requests.bucket}/nothing/",), "Could not find model data at"),
        (("s3://of-nobody/x/",), "Could not find model data at"),
        ((f"s3://{requests.bucket}/train/", "S3Prefix", "Gzip"), "The sandbox reads one model.tar.gz"),
    ):
        with pytest.raises(ClientError, match=words):
            create("other", *arguments)


def test_a_variant_that_never_answers_ping_makes_the_endpoint_failed(sandbox, sagemaker, requests):
    reason = (
        "The primary container for production variant AllTraffic did not pass the ping health check. Please"
        " check CloudWatch logs for this endpoint."
    )
    sandbox.compute.ping_failure["model-1"] = reason
    sagemaker.create_model(**requests.model())
    sagemaker.create_endpoint_config(**requests.endpoint_config())
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="config-1")
    sandbox.settle()
    failed = sagemaker.describe_endpoint(EndpointName="e")
    assert (failed["EndpointStatus"], failed["FailureReason"]) == ("Failed", reason)
    assert all(server.stopped for server in sandbox.compute.servers)
    answer = error_of(sagemaker.update_endpoint, EndpointName="e", EndpointConfigName="config-1")
    assert answer[0] == "ValidationException"
    sagemaker.delete_endpoint(EndpointName="e")
    sandbox.settle()
    assert sagemaker.list_endpoints()["Endpoints"] == []


def test_traffic_is_shared_by_weight_evenly_and_a_target_variant_overrides_it(sandbox, sagemaker, requests):
    sagemaker.create_model(**requests.model())
    sagemaker.create_endpoint_config(**requests.endpoint_config("config-1", 3.0, 1.0))
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="config-1")
    sandbox.settle()
    runtime = sandbox.client("sagemaker-runtime")

    def ask(**target):
        return runtime.invoke_endpoint(EndpointName="e", Body=b"x", **target)["InvokedProductionVariant"][-1]

    assert "".join(ask() for _ in range(8)) == "11211121"
    assert "".join(ask(TargetVariant="variant-2") for _ in range(3)) == "222"
    code, text = error_of(runtime.invoke_endpoint, EndpointName="e", Body=b"", TargetVariant="nope")
    assert code == "ValidationError" and "nope" in text
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="e",
        DesiredWeightsAndCapacities=[
            {"VariantName": "variant-1", "DesiredWeight": 0.0},
            {"VariantName": "variant-2", "DesiredWeight": 1.0},
        ],
    )
    sandbox.settle()
    assert "".join(ask() for _ in range(4)) == "2222"
    code, text = error_of(
        sagemaker.update_endpoint_weights_and_capacities,
        EndpointName="e",
        DesiredWeightsAndCapacities=[{"VariantName": "zz", "DesiredWeight": 1.0}],
    )
    assert code == "ValidationException" and "zz" in text


def test_an_update_switches_to_new_variants_without_breaking_a_request_under_way(sandbox, hosted, requests):
    hosted.create_model(**requests.model("model-2"))
    hosted.create_endpoint_config(**requests.endpoint_config("config-2", 1.0, model="model-2"))
    runtime = sandbox.client("sagemaker-runtime")
    arrived, release, answers = threading.Event(), threading.Event(), []
    plain = sandbox.compute.answer

    def slow(server, body):
        if server.spec.model["ModelName"] == "model-1":
            arrived.set()
            assert release.wait(120)
            assert not server.stopped
        return plain(server, body)

    sandbox.compute.answer = slow
    asking = threading.Thread(
        target=lambda: answers.append(runtime.invoke_endpoint(EndpointName="e", Body=b"1")["Body"].read())
    )
    asking.start()
    assert arrived.wait(120)
    hosted.update_endpoint(EndpointName="e", EndpointConfigName="config-2")
    in_progress = f'Cannot update in-progress endpoint "{ARN}endpoint/e".'
    release.set()
    asking.join(120)
    sandbox.settle()
    assert answers == [b"AllTraffic"]
    done = hosted.describe_endpoint(EndpointName="e")
    assert (done["EndpointStatus"], done["EndpointConfigName"]) == ("InService", "config-2")
    old, new = sandbox.compute.servers
    assert old.stopped and not new.stopped
    sandbox.compute.may_start.clear()
    hosted.update_endpoint(EndpointName="e", EndpointConfigName="config-1")
    for call in (
        lambda: hosted.update_endpoint(EndpointName="e", EndpointConfigName="config-1"),
        lambda: hosted.delete_endpoint(EndpointName="e"),
    ):
        assert error_of(call) == ("ValidationException", in_progress)
    assert hosted.describe_endpoint(EndpointName="e")["EndpointStatus"] == "Updating"
    sandbox.compute.may_start.set()


def test_an_update_that_fails_rolls_back_and_the_old_variant_keeps_serving(sandbox, hosted, requests):
    sandbox.compute.ping_failure["model-2"] = "The primary container did not pass the ping health check."
    hosted.create_model(**requests.model("model-2"))
    hosted.create_endpoint_config(**requests.endpoint_config("config-2", 1.0, model="model-2"))
    seen = []
    hosting = sandbox.app._control.hosting
    change = hosting._set

    def watch(endpoint, apply):
        stored = change(endpoint, apply)
        seen.append(stored.status)
        return stored

    hosting._set = watch
    hosted.update_endpoint(EndpointName="e", EndpointConfigName="config-2")
    sandbox.settle()
    assert seen == ["RollingBack", "InService"]
    after = hosted.describe_endpoint(EndpointName="e")
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", "config-1")
    assert "ping health check" in after["FailureReason"] and "PendingDeploymentSummary" not in after
    runtime = sandbox.client("sagemaker-runtime")
    assert runtime.invoke_endpoint(EndpointName="e", Body=b"1")["Body"].read() == b"AllTraffic"
    assert sandbox.compute.servers[1].stopped


def test_variant_properties_are_retained_when_asked(sandbox, hosted, requests):
    hosted.update_endpoint_weights_and_capacities(
        EndpointName="e",
        DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 3}],
    )
    sandbox.settle()
    hosted.update_endpoint(EndpointName="e", EndpointConfigName="config-1", RetainAllVariantProperties=True)
    sandbox.settle()
    assert hosted.describe_endpoint(EndpointName="e")["ProductionVariants"][0]["CurrentInstanceCount"] == 3
    hosted.update_endpoint(EndpointName="e", EndpointConfigName="config-1")
    sandbox.settle()
    assert hosted.describe_endpoint(EndpointName="e")["ProductionVariants"][0]["CurrentInstanceCount"] == 1


def test_an_endpoint_outlives_its_model_and_configuration(sandbox, hosted):
    hosted.delete_endpoint_config(EndpointConfigName="config-1")
    hosted.delete_model(ModelName="model-1")
    runtime = sandbox.client("sagemaker-runtime")
    assert runtime.invoke_endpoint(EndpointName="e", Body=b"1")["Body"].read() == b"AllTraffic"
    hosted.delete_endpoint(EndpointName="e")
    sandbox.settle()
    assert sandbox.compute.servers[0].stopped
    assert error_of(runtime.invoke_endpoint, EndpointName="e", Body=b"1")[0] == "ValidationError"
    assert error_of(hosted.describe_endpoint, EndpointName="e")[0] == "ValidationException"


@pytest.mark.parametrize(
    "changes",
    [
        {
            "ShadowProductionVariants": [
                {
                    "VariantName": "s",
                    "ModelName": "model-1",
                    "InstanceType": "ml.m5.large",
                    "InitialInstanceCount": 1,
                }
            ]
        },
        {
            "ProductionVariants": [
                {"VariantName": "a", "ModelName": "model-1", "ManagedInstanceScaling": {"Status": "ENABLED"}}
            ]
        },
    ],
)
def test_what_the_sandbox_cannot_host_is_refused_by_name(sagemaker, requests, changes):
    sagemaker.create_model(**requests.model())
    code, text = error_of(sagemaker.create_endpoint_config, **(requests.endpoint_config() | changes))
    assert code == "ValidationException" and text.startswith("The sandbox has no ")


def test_tags_of_what_is_not_there_and_tags_beyond_fifty(sagemaker, requests):
    sagemaker.create_model(**requests.model())
    arn = ARN + "model/model-1"
    assert (
        error_of(sagemaker.list_tags, ResourceArn=ARN + "model/x")[1]
        == f'Could not find model "{ARN}model/x".'
    )
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": str(n), "Value": ""} for n in range(50)])
    code, text = error_of(sagemaker.add_tags, ResourceArn=arn, Tags=[{"Key": "more", "Value": ""}])
    assert code == "ValidationException" and "50" in text
    assert len(sagemaker.list_tags(ResourceArn=arn)["Tags"]) == 50
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "7", "Value": "seven"}])
    assert {"Key": "7", "Value": "seven"} in sagemaker.list_tags(ResourceArn=arn)["Tags"]
    sagemaker.delete_model(ModelName="model-1")
    sagemaker.create_model(**requests.model())
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == []


def test_endpoints_take_the_time_that_the_pace_says(make_sandbox, requests):
    waits = []

    class Recording(SystemClock):
        def wait(self, cancel, seconds):
            waits.append(seconds)
            return cancel.is_set()

    pace = Pace(endpoint_creating=180.0, endpoint_updating=90.0, endpoint_deleting=5.0)
    sandbox = make_sandbox(clock=Recording(), pace=pace)
    sagemaker = sandbox.client()
    sagemaker.create_model(**requests.model())
    sagemaker.create_endpoint_config(**requests.endpoint_config())
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="config-1")
    sandbox.settle()
    sagemaker.update_endpoint(EndpointName="e", EndpointConfigName="config-1")
    sandbox.settle()
    sagemaker.delete_endpoint(EndpointName="e")
    sandbox.settle()
    assert waits == [180.0, 90.0, 5.0]


def test_tags_come_in_pages_of_fifty_and_a_wrong_token_is_refused(sandbox, sagemaker, requests):
    arn = sagemaker.create_model(**requests.model())["ModelArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": f"k{n}", "Value": str(n)} for n in range(50)])
    assert len(sagemaker.list_tags(ResourceArn=arn, MaxResults=50)["Tags"]) == 50
    for token in ("51", "0", "01", "x", "1" * 30):
        assert error_of(sagemaker.list_tags, ResourceArn=arn, NextToken=token)[1].startswith(
            "Invalid pagination"
        )
    rest = sagemaker.list_tags(ResourceArn=arn, NextToken="48")["Tags"]
    assert [tag["Key"] for tag in rest] == ["k48", "k49"]
