"""The target aws: credentials, region, guard, role and bucket, stubbed at botocore's edge; no call leaves."""

import difflib

import boto3
import botocore.session
import pytest
from botocore import exceptions as boto
from botocore.stub import ANY, Stubber

from sagewizard.aws.roles import find_role, trusts_sagemaker
from sagewizard.aws.session import check_bucket, check_endpoint, open_aws
from sagewizard.boto_errors import translated
from sagewizard.errors import CancelledError, CredentialsError, TargetError, UsageError
from sagewizard.settings import Settings

ACCOUNT = "111122223333"
USER = f"arn:aws:iam::{ACCOUNT}:user/ada"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
LAMBDA = {
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ]
}


def role(name, *, trust=TRUST, path="/", created="2026-01-01"):
    import json

    return {
        "Path": path,
        "RoleName": name,
        "RoleId": "AROA0123456789ABCDEF",
        "Arn": f"arn:aws:iam::{ACCOUNT}:role{path}{name}",
        "CreateDate": f"{created}T00:00:00Z",
        "AssumeRolePolicyDocument": json.dumps(trust),
    }


class StubbedSession:
    """A boto3 session whose clients are real and whose answers are stubbed, one stubber a service."""

    def __init__(self, region_name="eu-west-1", keys=True, endpoint=None):
        self._inner = boto3.session.Session(
            aws_access_key_id="test" if keys else None,
            aws_secret_access_key="test" if keys else None,
            region_name=region_name,
        )
        self.region_name = region_name
        self._keys = keys
        self._endpoint = endpoint or {}
        self.clients, self.stubs = {}, {}
        for service in ("sts", "iam", "s3"):
            self._make(service)

    def _make(self, service):
        client = self._inner.client(
            service, region_name=self.region_name or "eu-west-1", endpoint_url=self._endpoint.get(service)
        )
        self.clients[service] = client
        self.stubs[service] = Stubber(client)
        self.stubs[service].activate()

    def get_credentials(self):
        return self._inner.get_credentials() if self._keys else None

    def get_available_regions(self, service, partition_name="aws"):
        return self._inner.get_available_regions(service, partition_name)

    def client(self, service, region_name=None, config=None, endpoint_url=None):
        if service not in self.clients:
            self._make(service)
        return self.clients[service]

    def identity(self, arn=USER, account=ACCOUNT):
        self.stubs["sts"].add_response(
            "get_caller_identity", {"Account": account, "Arn": arn, "UserId": "AIDA"}, {}
        )

    def done(self):
        for stub in self.stubs.values():
            stub.assert_no_pending_responses()


@pytest.fixture(autouse=True)
def _no_real_aws(monkeypatch, tmp_path):
    import os

    for name in [n for n in os.environ if n.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home", data=None)


@pytest.fixture
def session():
    return StubbedSession()


def opened(settings, session, **more):
    more.setdefault("confirm", lambda account: True)
    return open_aws(settings, environ={}, make_session=lambda **_: session, **more)


def test_a_confirmed_account_becomes_a_target(settings, session):
    session.identity()
    session.stubs["iam"].add_response(
        "get_role", {"Role": role("Trainer", path="/a/")}, {"RoleName": "Trainer"}
    )
    bucket = f"sagemaker-eu-west-1-{ACCOUNT}"
    session.stubs["s3"].add_response("head_bucket", {}, {"Bucket": bucket, "ExpectedBucketOwner": ACCOUNT})
    asked = []
    target = opened(
        settings, session, role="Trainer", confirm=lambda account: bool(asked.append(account)) or True
    )
    assert asked == [ACCOUNT]
    assert (target.name, target.region, target.account_id) == ("aws", "eu-west-1", ACCOUNT)
    assert target.role_arn == f"arn:aws:iam::{ACCOUNT}:role/a/Trainer"
    assert target.bucket == bucket
    assert target.simulated is False
    assert target.endpoint_url is None
    assert target.poll_seconds >= 2
    assert target.client("s3") is session.clients["s3"]
    session.done()


def test_an_account_that_is_not_confirmed_is_left_alone(settings, session):
    session.identity()
    with pytest.raises(CancelledError, match=f"{ACCOUNT} was not confirmed; nothing was created"):
        opened(settings, session, confirm=lambda account: False)
    session.done()  # nothing but the identity was asked for


def test_without_a_confirmation_nothing_is_asked_at_all(settings):
    with pytest.raises(UsageError, match="confirm the account"):
        open_aws(settings, make_session=lambda **_: pytest.fail("a session was made"))


def test_the_role_may_come_from_the_environment(settings, session):
    session.identity()
    session.stubs["iam"].add_response("get_role", {"Role": role("FromEnv")}, {"RoleName": "FromEnv"})
    session.stubs["s3"].add_response("head_bucket", {})
    target = open_aws(
        settings,
        confirm=lambda account: True,
        environ={"SAGEWIZARD_ROLE": "FromEnv"},
        make_session=lambda **_: session,
    )
    assert target.role_arn.endswith(":role/FromEnv")


def test_no_credentials_is_an_error_that_offers_the_sandbox(settings):
    with pytest.raises(CredentialsError, match="no AWS credentials") as caught:
        opened(settings, StubbedSession(keys=False))
    assert "--target sandbox" in caught.value.remedy


def test_no_region_is_an_error_that_names_the_option(settings):
    with pytest.raises(UsageError, match="No AWS region") as caught:
        opened(settings, StubbedSession(region_name=None))
    assert "--region us-east-1" in caught.value.remedy


def test_a_region_without_sagemaker_is_an_error_with_the_nearest(settings):
    with pytest.raises(UsageError, match="'us-east-9' has no SageMaker") as caught:
        opened(settings, StubbedSession(region_name="us-east-9"))
    assert "us-east-1" in caught.value.remedy


def test_an_unknown_profile_is_an_error_that_names_those_there_are(settings, tmp_path):
    (tmp_path / "config").write_text("[profile work]\nregion = eu-west-1\n")
    with pytest.raises(UsageError, match="no AWS profile 'wrok'") as caught:
        open_aws(settings, profile="wrok", confirm=lambda account: True, environ={})
    assert "work" in caught.value.remedy
    assert difflib.get_close_matches("wrok", ["work"])
    assert botocore.session.Session().available_profiles == ["work"]


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        ("ExpiredToken", CredentialsError, "have expired"),
        ("InvalidClientTokenId", CredentialsError, "does not accept"),
        ("AccessDenied", TargetError, "no permission for GetCallerIdentity"),
    ],
)
def test_what_sts_refuses_is_translated(settings, session, code, kind, message):
    session.stubs["sts"].add_client_error("get_caller_identity", code, "x")
    with pytest.raises(kind, match=f"Could not look up the AWS account: .*{message}"):
        opened(settings, session)


def test_an_unreachable_aws_is_a_target_error(settings, session, monkeypatch):
    def fail():
        raise boto.EndpointConnectionError(endpoint_url="https://sts.eu-west-1.amazonaws.com/")

    monkeypatch.setattr(session.clients["sts"], "get_caller_identity", fail)
    with pytest.raises(TargetError, match=r"sts\.eu-west-1") as caught:
        opened(settings, session)
    assert "that eu-west-1 is a region" in caught.value.remedy


def test_an_account_that_is_no_number_is_not_shown_for_confirmation(settings, session):
    session.identity(account="; rm -rf /")
    with pytest.raises(TargetError, match="no account number"):
        opened(settings, session, confirm=lambda account: pytest.fail("asked"))


@pytest.mark.parametrize("service", ["sts", "s3", "sagemaker"])
def test_a_client_that_points_elsewhere_is_refused(settings, service):
    session = StubbedSession(endpoint={service: "http://127.0.0.1:4566"})
    session.identity()
    with pytest.raises(TargetError, match=rf"{service} is directed to http://127\.0\.0\.1") as caught:
        opened(settings, session)
    assert "AWS_ENDPOINT_URL" in caught.value.remedy


def test_the_environments_endpoint_is_noticed(settings, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://amazonaws.com.evil.example")
    session = StubbedSession()
    with pytest.raises(TargetError, match="sts is directed to https://amazonaws"):
        opened(settings, session)


@pytest.mark.parametrize("region", ["us-east-1", "cn-north-1", "us-gov-west-1"])
def test_awss_own_addresses_are_accepted(region):
    client = boto3.client("sagemaker", region_name=region, aws_access_key_id="x", aws_secret_access_key="x")
    check_endpoint(client, "sagemaker")


# -- roles ---------------------------------------------------------------------------------------------------


def found(session, name=None, **more):
    return find_role(session.clients["iam"], name, account_id=ACCOUNT, **more)


def roles(session, *found_roles, marker=None, **request):
    page = {"Roles": list(found_roles), "IsTruncated": marker is not None}
    if marker:
        page["Marker"] = marker
    session.stubs["iam"].add_response("list_roles", page, {"MaxItems": 1000, **request})


def test_an_arn_that_may_not_be_looked_up_is_taken_as_it_is(session):
    session.stubs["iam"].add_client_error("get_role", "AccessDenied")
    arn = f"arn:aws:iam::{ACCOUNT}:role/service-role/Trainer"
    assert found(session, arn) == arn


def test_a_name_that_may_not_be_looked_up_asks_for_the_arn(session):
    session.stubs["iam"].add_client_error("get_role", "AccessDenied")
    with pytest.raises(TargetError, match="iam:GetRole") as caught:
        found(session, "Trainer")
    assert "--role arn:" in caught.value.remedy


def test_a_role_that_is_not_there_is_an_error(session):
    session.stubs["iam"].add_client_error("get_role", "NoSuchEntity")
    with pytest.raises(UsageError, match="no role named Trainer"):
        found(session, "Trainer")


def test_a_role_of_another_account_is_refused_without_a_call(session):
    with pytest.raises(UsageError, match="belongs to the account 999988887777"):
        found(session, "arn:aws:iam::999988887777:role/Trainer")


@pytest.mark.parametrize("name", ["a b", "arn:aws:iam::1:role/x", "x" * 65, "é"])
def test_what_is_neither_name_nor_arn_is_refused_without_a_call(session, name):
    with pytest.raises(UsageError, match="neither the name nor the ARN"):
        found(session, name)


def test_a_role_that_does_not_trust_sagemaker_is_refused(session):
    session.stubs["iam"].add_response("get_role", {"Role": role("Trainer", trust=LAMBDA)})
    with pytest.raises(UsageError, match="SageMaker may not take on the role Trainer"):
        found(session, "Trainer")


def test_in_a_notebook_its_own_role_is_taken(session):
    session.stubs["iam"].add_response("get_role", {"Role": role("Mine", path="/x/")}, {"RoleName": "Mine"})
    identity = f"arn:aws:sts::{ACCOUNT}:assumed-role/Mine/SageMaker"
    assert found(session, identity_arn=identity) == f"arn:aws:iam::{ACCOUNT}:role/x/Mine"


def test_the_newest_role_made_by_the_console_wins(session):
    roles(
        session,
        role("Other"),
        role("AmazonSageMaker-ExecutionRole-2", created="2025-01-01"),
        marker="m",
    )
    roles(
        session,
        role("AmazonSageMaker-ExecutionRole-1", created="2026-05-01"),
        role("L", trust=LAMBDA),
        Marker="m",
    )
    assert found(session, identity_arn=USER).endswith("AmazonSageMaker-ExecutionRole-1")
    session.done()


def test_the_only_role_that_trusts_sagemaker_is_taken(session):
    roles(session, role("Trainer"), role("Function", trust=LAMBDA))
    assert found(session, identity_arn=USER).endswith(":role/Trainer")


def test_several_roles_are_named_and_none_is_guessed(session):
    roles(session, role("B"), role("A"))
    with pytest.raises(TargetError, match="2 roles may be taken on by SageMaker: A, B") as caught:
        found(session)
    assert "SAGEWIZARD_ROLE" in caught.value.remedy


def test_no_role_at_all_says_how_to_make_one(session):
    roles(session, role("Function", trust=LAMBDA))
    with pytest.raises(TargetError, match="has no role") as caught:
        found(session)
    assert "IAM console" in caught.value.remedy


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (TRUST, True),
        (LAMBDA, False),
        ("%7B%22Statement%22%3A%5B%5D%7D", False),
        ("not json", False),
        (None, False),
        ({"Statement": "x"}, False),
        ({"Statement": {**TRUST["Statement"][0], "Principal": "*"}}, False),
        ({"Statement": {**TRUST["Statement"][0], "Effect": "Deny"}}, False),
        ({"Statement": {**TRUST["Statement"][0], "Action": ["sts:TagSession", "sts:AssumeRole"]}}, True),
        (
            {
                "Statement": {
                    **TRUST["Statement"][0],
                    "Principal": {"Service": ["lambda.amazonaws.com", "sagemaker.amazonaws.com"]},
                }
            },
            True,
        ),
    ],
)
def test_trust_is_read_from_any_form_of_policy(policy, expected):
    assert trusts_sagemaker(policy) is expected


# -- bucket --------------------------------------------------------------------------------------------------


def test_a_bucket_that_is_missing_is_no_error(session):
    session.stubs["s3"].add_client_error("head_bucket", "404")
    assert check_bucket(session.clients["s3"], "b", ACCOUNT) is False


def test_a_bucket_of_somebody_else_is_refused(session):
    session.stubs["s3"].add_client_error("head_bucket", "403")
    with pytest.raises(TargetError, match="belongs to another account"):
        check_bucket(session.clients["s3"], "b", ACCOUNT)


def test_the_owner_is_checked_when_a_bucket_exists(session):
    session.stubs["s3"].add_response("head_bucket", {}, {"Bucket": ANY, "ExpectedBucketOwner": ACCOUNT})
    assert check_bucket(session.clients["s3"], "b", ACCOUNT) is True


def test_a_stub_that_is_missing_is_noticed(session):
    with pytest.raises(TargetError), translated("look"):
        session.clients["s3"].list_buckets()
