"""The doctor of an account, stubbed at botocore's edge: each thing well, and each way it can be unwell."""

from __future__ import annotations

import datetime
import json

import boto3
import pytest
from botocore import exceptions as boto
from botocore.stub import ANY, Stubber

from sagewizard.aws import role_making
from sagewizard.aws.doctor import Account, look
from sagewizard.aws.quotas import ServiceQuotas
from sagewizard.errors import TargetError, UsageError
from sagewizard.recipe import finding
from sagewizard.settings import Settings

ACCOUNT = "111122223333"
USER = f"arn:aws:iam::{ACCOUNT}:user/ada"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageWizardExecutionRole"
BUCKET = f"sagemaker-eu-west-1-{ACCOUNT}"
NOW = 1_795_200_000.0
LAMBDA = json.dumps(role_making.TRUST).replace("sagemaker", "lambda")
DIGITS = finding.load("digits-linear-learner")


class Clock:
    def now(self):
        return NOW

    def monotonic(self):
        return NOW

    def wait(self, cancel, seconds):
        return True


class Session:
    """A boto3 session whose clients are real and whose answers are stubbed."""

    def __init__(self, method="env", keys=True, region="eu-west-1"):
        self._inner = boto3.session.Session("test", "test", region_name="eu-west-1")
        self.region_name = region
        self._keys = keys
        self._method = method
        self.clients, self.stubs = {}, {}

    def get_credentials(self):
        if not self._keys:
            return None
        found = self._inner.get_credentials()
        found.method = self._method
        return found

    def get_available_regions(self, service, partition_name="aws"):
        return self._inner.get_available_regions(service, partition_name)

    def client(self, service, region_name=None, config=None, endpoint_url=None):
        self.stub(service)
        return self.clients[service]

    def stub(self, service):
        if service not in self.stubs:
            self.clients[service] = self._inner.client(service, region_name="eu-west-1")
            self.stubs[service] = Stubber(self.clients[service])
            self.stubs[service].activate()
        return self.stubs[service]


@pytest.fixture(autouse=True)
def _no_real_aws(monkeypatch, tmp_path):
    import os

    for name in [n for n in os.environ if n.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def session():
    return Session()


def identity(session, arn=USER, skew=0.0):
    moment = datetime.datetime.fromtimestamp(NOW - skew, datetime.UTC)
    date = moment.strftime("%a, %d %b %Y %H:%M:%S GMT")
    session.stub("sts").add_response(
        "get_caller_identity",
        {
            "Account": ACCOUNT,
            "Arn": arn,
            "UserId": "AIDA",
            "ResponseMetadata": {"HTTPHeaders": {"date": date}},
        },
    )


def role(session, name="SageWizardExecutionRole", trust=None):
    session.stub("iam").add_response(
        "get_role",
        {"Role": {"Path": "/", "RoleName": name, "RoleId": "AROA0123456789ABCDEF", "CreateDate": NOW,
                  "Arn": f"arn:aws:iam::{ACCOUNT}:role/{name}",
                  "AssumeRolePolicyDocument": trust or json.dumps(role_making.TRUST)}},
        {"RoleName": name},
    )  # fmt: skip


def passing(session, decision="allowed"):
    session.stub("iam").add_response(
        "simulate_principal_policy",
        {"EvaluationResults": [{"EvalActionName": "iam:PassRole", "EvalDecision": decision}]},
        {
            "PolicySourceArn": ANY,
            "ActionNames": ["iam:PassRole"],
            "ResourceArns": [ROLE],
            "ContextEntries": ANY,
        },
    )


def bucket(session, place="eu-west-1"):
    s3 = session.stub("s3")
    s3.add_response("head_bucket", {}, {"Bucket": BUCKET, "ExpectedBucketOwner": ACCOUNT})
    s3.add_response("get_bucket_location", {"LocationConstraint": place}, {"Bucket": BUCKET})
    if place == "eu-west-1":
        s3.add_response("create_multipart_upload", {"UploadId": "u"}, {"Bucket": BUCKET, "Key": ANY})
        s3.add_response("abort_multipart_upload", {}, {"Bucket": BUCKET, "Key": ANY, "UploadId": "u"})


def prices(session, times=1, *, answers=True):
    stub = session.stub("pricing")
    for _ in range(times):
        if answers:
            stub.add_response("get_products", {"PriceList": []})
        else:
            stub.add_client_error("get_products", "AccessDeniedException")


def quotas(session, values):
    def named(pairs):
        return [{"QuotaName": name, "Value": float(value)} for name, value in pairs.items()]

    stub = session.stub("service-quotas")
    stub.add_response(
        "list_aws_default_service_quotas", {"Quotas": named(dict.fromkeys(values, 0))},
        {"ServiceCode": "sagemaker", "MaxResults": 100},
    )  # fmt: skip
    # In two pages, as the service answers.
    first, rest = dict(list(values.items())[:1]), dict(list(values.items())[1:])
    stub.add_response("list_service_quotas", {"Quotas": named(first), "NextToken": "t"})
    stub.add_response(
        "list_service_quotas", {"Quotas": named(rest)},
        {"ServiceCode": "sagemaker", "MaxResults": 100, "NextToken": "t"},
    )  # fmt: skip


def looked(session, tmp_path, **more):
    more.setdefault("role", "SageWizardExecutionRole")
    found = look(
        Settings(home=tmp_path / "home", data=None), Account(), environ={}, clock=Clock(),
        make_session=lambda **_: session, **more,
    )  # fmt: skip
    return {one.name: one for one in found}


ENOUGH = {
    "ml.m5.large for training job usage": 4,
    "ml.m5.large for endpoint usage": 2,
    "ml.m5.large for transform job usage": 2,
}


def test_an_account_where_all_is_well(session, tmp_path):
    identity(session)
    role(session)
    passing(session)
    bucket(session)
    prices(session, 3)
    quotas(session, ENOUGH)
    found = looked(session, tmp_path, recipe=DIGITS)
    assert {one.state for one in found.values()} == {"ok"}, found
    assert "environment variables" in found["credentials"].text
    assert (found["region"].text, found["clock"].text) == ("eu-west-1", "as AWS's")
    assert USER in found["identity"].text
    assert "can be written" in found["bucket"].text
    assert "table of" in found["price"].text
    assert found["train quota"].text == "ml.m5.large for training job usage: 4"
    for stub in session.stubs.values():
        stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("session", "words"),
    [
        (Session("sso"), "single sign-on"),
        (Session("shared-credentials-file"), "~/.aws/credentials"),
        (Session("assume-role"), "a role that the profile takes on"),
    ],
)
def test_where_the_credentials_come_from_is_said(session, tmp_path, words):
    session.stub("sts").add_client_error("get_caller_identity", "ExpiredToken")
    found = looked(session, tmp_path)
    assert words in found["credentials"].text or found["credentials"].state == "failed"


def test_no_credentials_end_the_look_with_their_remedy(tmp_path):
    found = looked(Session(keys=False), tmp_path)
    assert list(found) == ["credentials"]
    assert found["credentials"].state == "failed"
    assert "aws configure" in found["credentials"].remedy


@pytest.mark.parametrize(
    ("code", "text", "name", "words"),
    [
        ("ExpiredToken", "The security token included in the request is expired", "credentials", "sso login"),
        ("InvalidClientTokenId", "The security token is invalid", "credentials", "get-caller-identity"),
        ("RequestTimeTooSkewed", "The difference is too large", "clock", "Set the clock"),
        (
            "SignatureDoesNotMatch",
            "Signature expired: 20261120T is earlier",
            "clock",
            "Set the clock",
        ),
    ],
)
def test_refused_credentials_and_a_wrong_clock_are_told_apart(session, tmp_path, code, text, name, words):
    session.stub("sts").add_client_error("get_caller_identity", code, text)
    found = list(
        look(Settings(home=tmp_path, data=None), Account(), environ={}, clock=Clock(),
             make_session=lambda **_: session)
    )  # fmt: skip
    assert (found[-1].name, found[-1].state) == (name, "failed")
    assert words in found[-1].remedy


def test_an_expired_sign_on_says_how_to_sign_on(session, tmp_path, monkeypatch):
    def expired(**_):
        raise boto.UnauthorizedSSOTokenError

    monkeypatch.setattr(session.client("sts"), "get_caller_identity", expired)
    found = list(
        look(Settings(home=tmp_path, data=None), Account(), environ={}, clock=Clock(),
             make_session=lambda **_: session, profile="work")
    )  # fmt: skip
    assert found[-1].state == "failed"
    assert "aws sso login --profile work" in found[-1].remedy


@pytest.mark.parametrize(("skew", "state"), [(3.0, "ok"), (-90.0, "warning"), (400.0, "failed")])
def test_the_clock_is_compared_with_that_of_the_answer(session, tmp_path, skew, state):
    identity(session, skew=skew)
    session.stub("iam").add_client_error("get_role", "AccessDenied")
    session.stub("s3").add_client_error("head_bucket", "403")
    prices(session)
    found = looked(session, tmp_path)
    assert found["clock"].state == state
    assert f"{abs(skew):.0f} s" in found["clock"].text


def test_a_role_that_sagemaker_may_not_take_on_is_not_one_that_you_may_not_pass(session, tmp_path):
    identity(session)
    role(session, trust=LAMBDA)
    bucket(session)
    prices(session)
    found = looked(session, tmp_path)
    assert found["role"].state == "failed"
    assert "SageMaker may not take on the role" in found["role"].text
    assert "--create-role" in found["role"].remedy
    assert "pass role" not in found

    other = Session()
    identity(other)
    role(other)
    passing(other, "implicitDeny")
    bucket(other)
    prices(other)
    found = looked(other, tmp_path)
    assert found["role"].state == "ok"
    assert found["pass role"].state == "failed"
    assert "iam:PassRole" in found["pass role"].remedy


def test_passing_a_role_that_cannot_be_asked_about_is_a_warning(session, tmp_path):
    identity(session)
    role(session)
    session.stub("iam").add_client_error("simulate_principal_policy", "AccessDenied")
    bucket(session)
    prices(session)
    assert looked(session, tmp_path)["pass role"].state == "warning"


def test_a_session_of_a_role_is_asked_about_by_the_role(session, tmp_path):
    identity(session, arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/Team/ada")
    role(session)
    session.stub("iam").add_response(
        "get_role",
        {"Role": {"Path": "/sso/", "RoleName": "Team", "RoleId": "AROA0123456789ABCDEF", "CreateDate": NOW,
                  "Arn": f"arn:aws:iam::{ACCOUNT}:role/sso/Team"}},
        {"RoleName": "Team"},
    )  # fmt: skip
    session.stub("iam").add_response(
        "simulate_principal_policy",
        {"EvaluationResults": [{"EvalActionName": "iam:PassRole", "EvalDecision": "allowed"}]},
        {"PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:role/sso/Team", "ActionNames": ANY, "ResourceArns": ANY,
         "ContextEntries": ANY},
    )  # fmt: skip
    bucket(session)
    prices(session)
    assert looked(session, tmp_path)["pass role"].state == "ok"


def test_a_bucket_elsewhere_and_one_that_cannot_be_written_fail(session, tmp_path):
    identity(session)
    role(session)
    passing(session)
    bucket(session, place="eu-central-1")
    prices(session)
    found = looked(session, tmp_path)["bucket"]
    assert (found.state, "--region eu-central-1" in found.remedy) == ("failed", True)

    other = Session()
    identity(other)
    role(other)
    passing(other)
    other.stub("s3").add_response("head_bucket", {})
    other.stub("s3").add_response("get_bucket_location", {"LocationConstraint": "eu-west-1"})
    other.stub("s3").add_client_error("create_multipart_upload", "AccessDenied", "No.")
    prices(other)
    found = looked(other, tmp_path)["bucket"]
    assert (found.state, "write to the bucket" in found.text) == ("failed", True)


def test_a_bucket_that_is_not_there_yet_is_well(session, tmp_path):
    identity(session)
    role(session)
    passing(session)
    session.stub("s3").add_client_error("head_bucket", "404")
    prices(session)
    found = looked(session, tmp_path)["bucket"]
    assert (found.state, "the first run makes it" in found.text) == ("ok", True)


def test_a_quota_of_zero_names_the_request_and_a_type_that_works(session, tmp_path):
    identity(session)
    role(session)
    passing(session)
    bucket(session)
    prices(session, 3)
    quotas(
        session, {**ENOUGH, "ml.m5.large for training job usage": 0, "ml.m5.xlarge for training job usage": 1}
    )
    found = looked(session, tmp_path, recipe=DIGITS)["train quota"]
    assert found.state == "failed"
    assert "'ml.m5.large for training job usage' is 0" in found.text
    assert "--set train.instance_type=ml.m5.xlarge" in found.remedy
    assert "ask for 'ml.m5.large for training job usage'" in found.remedy


def test_quotas_that_may_not_be_read_are_a_warning(session, tmp_path):
    identity(session)
    role(session)
    passing(session)
    bucket(session)
    prices(session, 3)
    session.stub("service-quotas").add_client_error(
        "list_aws_default_service_quotas", "AccessDeniedException"
    )
    found = looked(session, tmp_path, recipe=DIGITS)["train quota"]
    assert (found.state, "read the quotas" in found.text) == ("warning", True)


def test_retired_types_are_a_warning_with_the_setting(session, tmp_path):
    identity(session)
    role(session)
    passing(session)
    bucket(session)
    prices(session, 3)
    session.stub("service-quotas").add_client_error(
        "list_aws_default_service_quotas", "AccessDeniedException"
    )
    found = looked(session, tmp_path, recipe=finding.load("mnist-linear-learner"))["train quota"]
    assert (found.state, "retired" in found.text) == ("warning", True)
    assert "--set train.instance_type=ml.m5.xlarge" in found.remedy


def test_a_price_list_that_does_not_answer_is_a_warning_with_the_table(session, tmp_path):
    identity(session)
    role(session)
    passing(session)
    bucket(session)
    prices(session, answers=False)
    found = looked(session, tmp_path)["price"]
    assert (found.state, "table of" in found.text) == ("warning", True)


def test_quotas_are_read_once_and_know_spot_from_on_demand(session):
    quotas(session, {**ENOUGH, "ml.m5.large for spot training job usage": 7, "Number of endpoints": 3})
    found = ServiceQuotas(lambda: session.client("service-quotas"))
    assert found.limit("ml.m5.large", "Training") == 4
    assert found.limit("ml.m5.large", "SpotTraining") == 7
    assert found.limit("ml.m5.large", "Processing") is None


def test_the_role_is_made_with_its_policy_and_tags(session):
    policy = role_making.permissions(BUCKET)
    iam = session.stub("iam")
    answer = {"Role": {"Path": "/", "RoleName": "R", "RoleId": "AROA0123456789ABCDEF", "CreateDate": NOW,
                       "Arn": ROLE}}  # fmt: skip
    iam.add_response(
        "create_role", answer,
        {"RoleName": "R", "AssumeRolePolicyDocument": json.dumps(role_making.TRUST), "Description": ANY,
         "Tags": [{"Key": "sagewizard:run", "Value": "none"}, {"Key": "sagewizard:owner", "Value": "ada"},
                  {"Key": "sagewizard:expires", "Value": "never"}]},
    )  # fmt: skip
    iam.add_response(
        "put_role_policy", {},
        {"RoleName": "R", "PolicyName": "SageWizardJobs", "PolicyDocument": json.dumps(policy)},
    )  # fmt: skip
    assert role_making.create(session.client("iam"), "R", policy, owner="ada") == ROLE
    iam.assert_no_pending_responses()


def test_a_role_without_its_policy_is_taken_away_and_one_that_exists_left_alone(session):
    iam = session.stub("iam")
    answer = {"Role": {"Path": "/", "RoleName": "R", "RoleId": "AROA0123456789ABCDEF", "CreateDate": NOW,
                       "Arn": ROLE}}  # fmt: skip
    iam.add_response("create_role", answer)
    iam.add_client_error("put_role_policy", "AccessDenied", "No.")
    iam.add_response("delete_role", {}, {"RoleName": "R"})
    with pytest.raises(TargetError, match="give the role R its policy"):
        role_making.create(session.client("iam"), "R", role_making.permissions(BUCKET), owner="ada")
    iam.assert_no_pending_responses()
    iam.add_client_error("create_role", "EntityAlreadyExists", "It is there.")
    with pytest.raises(UsageError, match="left as it is"):
        role_making.create(session.client("iam"), "R", role_making.permissions(BUCKET), owner="ada")
