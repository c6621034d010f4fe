from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from sagewizard.sandbox.gateway.journal import action_of, changes
from sagewizard.sandbox.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "x.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)
POLICY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
)


class Server:
    """A sandbox in this process that can be left as `kill -9` leaves one, and started again."""

    def __init__(self, folder: Path, clients_of: Callable[..., Any]) -> None:
        self.folder, self.clients_of = folder, clients_of
        self.start()

    def start(self) -> None:
        self.sandbox = Sandbox(self.folder, sagemaker=lambda _: None)
        self.sandbox.start()
        self.clients = self.clients_of(self.sandbox.services.endpoint_url, self.sandbox.services.credentials)

    def end(self) -> None:
        self.clients.close()
        self.sandbox.close()

    def again(self) -> None:
        self.end()
        self.start()


@pytest.fixture
def server(moto_imported: None, tmp_path: Path, clients_of: Callable[..., Any]) -> Any:
    made = Server(tmp_path / "sandbox", clients_of)
    yield made
    made.end()


def test_the_caller_is_the_role(clients: Any) -> None:
    identity = clients("sts").get_caller_identity()
    assert identity["Arn"] == "arn:aws:sts::123456789012:assumed-role/SageWizardSandboxRole/SageMaker"
    assert identity["Account"] == "123456789012"
    role = clients("iam").get_role(RoleName="SageWizardSandboxRole")["Role"]
    assert role["Arn"] == "arn:aws:iam::123456789012:role/SageWizardSandboxRole"
    assert "sagemaker.amazonaws.com" in json.dumps(role["AssumeRolePolicyDocument"])


def test_what_was_acknowledged_is_there_after_a_start_with_the_same_identifiers(server: Server) -> None:
    iam, s3 = server.clients("iam"), server.clients("s3")
    role_id = iam.create_role(RoleName="mine", AssumeRolePolicyDocument=TRUST)["Role"]["RoleId"]
    iam.create_user(UserName="me")
    key = iam.create_access_key(UserName="me")["AccessKey"]["AccessKeyId"]
    policy = iam.create_policy(PolicyName="p", PolicyDocument=POLICY)["Policy"]["PolicyId"]
    iam.create_role(RoleName="gone", AssumeRolePolicyDocument=TRUST)
    iam.delete_role(RoleName="gone")
    s3.create_bucket(Bucket="mine")
    s3.put_bucket_policy(Bucket="mine", Policy=TRUST)
    server.clients("cloudwatch").put_metric_alarm(
        AlarmName="alarm",
        MetricName="m",
        Namespace="n",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
        Statistic="Sum",
    )
    server.clients("logs").create_log_group(logGroupName="/mine")
    server.clients("ecr", region="eu-west-1").create_repository(repositoryName="images")
    server.again()
    iam = server.clients("iam")
    assert iam.get_role(RoleName="mine")["Role"]["RoleId"] == role_id
    assert [entry["AccessKeyId"] for entry in iam.list_access_keys(UserName="me")["AccessKeyMetadata"]] == [
        key
    ]
    assert [entry["PolicyId"] for entry in iam.list_policies(Scope="Local")["Policies"]] == [policy]
    assert sorted(entry["RoleName"] for entry in iam.list_roles()["Roles"]) == [
        "SageWizardSandboxRole",
        "mine",
    ]
    assert json.loads(server.clients("s3").get_bucket_policy(Bucket="mine")["Policy"]) == json.loads(TRUST)
    alarms = server.clients("cloudwatch").describe_alarms()["MetricAlarms"]
    assert [alarm["AlarmName"] for alarm in alarms] == ["alarm"]
    groups = server.clients("logs").describe_log_groups()["logGroups"]
    assert [group["logGroupName"] for group in groups] == ["/mine"]
    images = server.clients("ecr", region="eu-west-1").describe_repositories()["repositories"]
    assert [entry["repositoryName"] for entry in images] == ["images"]


def test_a_policy_that_aws_keeps_can_be_attached_and_stays_so(server: Server) -> None:
    arn = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
    iam = server.clients("iam")
    iam.create_role(RoleName="mine", AssumeRolePolicyDocument=TRUST)
    own = iam.create_policy(PolicyName="p", PolicyDocument=POLICY)["Policy"]["Arn"]
    for each in (arn, own):
        iam.attach_role_policy(RoleName="mine", PolicyArn=each)
    server.again()
    iam = server.clients("iam")
    attached = iam.list_attached_role_policies(RoleName="mine")["AttachedPolicies"]
    assert {each["PolicyArn"] for each in attached} == {arn, own}
    assert iam.get_policy(PolicyArn=arn)["Policy"]["PolicyName"] == "AmazonSageMakerFullAccess"
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.attach_role_policy(RoleName="mine", PolicyArn=f"{arn}Wrong")


def test_autoscaling_asks_whether_the_variant_is_there(clients: Any, sandbox: Sandbox) -> None:
    scaling = clients("application-autoscaling")
    sandbox.gateway._sagemaker = SimpleNamespace(variants=lambda _, name: ["a"] if name == "e" else None)
    target = {
        "ServiceNamespace": "sagemaker",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    for wrong, text in (
        ("endpoint/no/variant/a", 'find endpoint "arn:aws:sagemaker:us-east-1:123456789012:endpoint/no"'),
        ("endpoint/e/variant/b", "find variant b of endpoint e"),
    ):
        with pytest.raises(ClientError, match=text) as refused:
            scaling.register_scalable_target(ResourceId=wrong, MinCapacity=1, MaxCapacity=2, **target)
        assert refused.value.response["Error"]["Code"] == "ValidationException"
    scaling.register_scalable_target(
        ResourceId="endpoint/e/variant/a", MinCapacity=1, MaxCapacity=2, **target
    )
    assert scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert scaling.describe_scaling_activities(ServiceNamespace="sagemaker")["ScalingActivities"] == []


def test_deleting_the_role_or_the_bucket_lasts(server: Server) -> None:
    server.clients("iam").delete_role(RoleName="SageWizardSandboxRole")
    server.clients("s3").delete_bucket(Bucket="sagemaker-us-east-1-123456789012")
    server.again()
    assert server.clients("iam").list_roles()["Roles"] == []
    assert server.clients("s3").list_buckets()["Buckets"] == []
    identity = server.clients("sts").get_caller_identity()["Arn"]
    assert identity.endswith("assumed-role/SageWizardSandboxRole/SageMaker")


def test_reading_leaves_no_trace_in_the_journal(server: Server) -> None:
    iam, s3 = server.clients("iam"), server.clients("s3")
    iam.list_roles()
    before = journal_size(server)
    iam.get_role(RoleName="SageWizardSandboxRole")
    s3.get_bucket_versioning(Bucket="sagemaker-us-east-1-123456789012")
    server.clients("cloudwatch").list_metrics()
    server.clients("sts").get_caller_identity()
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.delete_role(RoleName="never-was")
    assert journal_size(server) == before
    iam.tag_role(RoleName="SageWizardSandboxRole", Tags=[{"Key": "a", "Value": "b"}])
    assert journal_size(server) == before + 1


def test_data_in_the_journal_is_bounded(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagewizard.sandbox.gateway.journal._MOST_BULK", 20)
    cloudwatch = server.clients("cloudwatch")
    for number in range(210):
        cloudwatch.put_metric_data(Namespace="n", MetricData=[{"MetricName": "m", "Value": float(number)}])
    assert journal_size(server) < 130


def test_a_deleted_bucket_leaves_the_journal(server: Server) -> None:
    s3 = server.clients("s3")
    before = journal_size(server)
    s3.create_bucket(Bucket="mine")
    s3.put_bucket_policy(Bucket="mine", Policy=TRUST)
    assert journal_size(server) > before
    s3.delete_bucket(Bucket="mine")
    server.sandbox.gateway.moto.join()
    assert "mine" not in [row["resource"] for row in server.sandbox.services.database.query(
        "SELECT resource FROM moto_journal")]  # fmt: skip


def journal_size(server: Server) -> int:
    (row,) = server.sandbox.services.database.query("SELECT count(*) AS n FROM moto_journal")
    return int(row["n"])


@pytest.mark.parametrize(
    ("method", "uri", "headers", "body", "action", "changing"),
    [
        ("POST", "/", {"x-amz-target": "Logs_20140328.CreateLogGroup"}, b"{}", "CreateLogGroup", True),
        ("POST", "/", {"x-amz-target": "Logs_20140328.GetLogEvents"}, b"{}", "GetLogEvents", False),
        (
            "POST",
            "/",
            {"content-type": "application/x-www-form-urlencoded; charset=utf-8"},
            b"Action=CreateRole&Version=1",
            "CreateRole",
            True,
        ),
        ("GET", "/?Action=ListRoles", {}, b"", "ListRoles", False),
        ("GET", "/?Action=DeleteRole", {}, b"", "DeleteRole", True),
        (
            "POST",
            "/service/S/operation/PutMetricAlarm",
            {"smithy-protocol": "rpc-v2-cbor"},
            b"",
            "PutMetricAlarm",
            True,
        ),
        ("GET", "/bucket?policy", {}, b"", "GET", False),
        ("PUT", "/bucket?policy", {}, b"{}", "PUT", True),
    ],
)
def test_the_operation_and_whether_it_changes_something(
    method: str, uri: str, headers: dict[str, str], body: bytes, action: str, changing: bool
) -> None:
    assert action_of(method, uri, headers, body) == action
    assert changes(method, action) is changing
