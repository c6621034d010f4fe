"""`teardown --all`, `resources`, `cost` on AWS, with the sandbox in its place: whose, where, what is left."""

from __future__ import annotations

import datetime
import io
import json
import sys

import boto3
import pytest
from botocore.stub import Stubber

from sagewizard import cli
from sagewizard import events as ev
from sagewizard.aws import session as sessions
from sagewizard.aws import ttl_role
from sagewizard.aws.billed import ask
from sagewizard.cli import problems
from sagewizard.cli.terminal import Console
from sagewizard.engine import Engine, inventory
from sagewizard.engine.ledger import Ledger
from sagewizard.engine.plan import refuse_without_ttl
from sagewizard.engine.ttl import Ttl
from sagewizard.errors import CancelledError, UsageError
from sagewizard.recipe import finding
from sagewizard.render.ink import Ink
from sagewizard.sandbox import launcher
from sagewizard.settings import Settings

DIGITS = finding.load("digits-linear-learner")
ROLE = "arn:aws:iam::123456789012:role/SageWizardSandboxRole"
IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1"


@pytest.fixture(scope="module")
def account(record_module, tmp_path_factory):
    """A home, the sandbox's address, and clients of any region."""
    settings = Settings(home=tmp_path_factory.mktemp("clean-home"), data=None)
    address = launcher.ensure(settings)

    def client(service, region="us-east-1"):
        return record_module.Session(address, region, lambda *_a: None).client(service)

    yield settings, address, client
    launcher.stop(settings, force=True)


@pytest.fixture
def aws(account, record_module, monkeypatch):
    """The command line with the sandbox in AWS's place; returns exit code, stdout and stderr."""
    settings, address, _client = account
    monkeypatch.setenv("SAGEWIZARD_HOME", str(settings.home))
    monkeypatch.setattr(sessions, "check_endpoint", lambda *_a: None)
    monkeypatch.setattr(sessions, "POLL_SECONDS", 0.1)
    monkeypatch.setattr(
        sessions, "make",
        lambda region, *_more: record_module.Session(address, region or "us-east-1", lambda *_a: None),
    )  # fmt: skip

    def command(*arguments):
        out, err = io.TextIOWrapper(io.BytesIO(), write_through=True), io.StringIO()
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        code = cli.main(list(arguments))
        return code, out.buffer.getvalue().decode(), err.getvalue()

    return command


def tags(run="20261121-000000-abcd", owner="SageWizardSandboxRole/SageMaker"):
    return [{"Key": "sagewizard:run", "Value": run}, {"Key": "sagewizard:owner", "Value": owner}]


def model(client, name, given=None):
    client.create_model(
        ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE}, Tags=given or []
    )


def models(client):
    return {one["ModelName"] for one in client.list_models()["Models"]}


def test_only_what_is_tagged_as_ones_own_is_deleted_in_the_regions_asked_for(account, aws):
    _settings, _address, client = account
    here, there = client("sagemaker"), client("sagemaker", "eu-west-1")
    model(here, "sw-mine", tags())
    model(here, "sw-untagged")
    model(here, "sw-of-another-tool", [{"Key": "owner", "Value": "ada"}])
    model(here, "sw-of-somebody-else", tags(owner="user/bob"))
    model(here, "sw-with-a-path", tags(run="../../etc"))
    model(there, "sw-far", tags())

    code, out, err = aws("resources", "--target", "aws")
    assert code == 0
    assert "sw-mine" in out
    assert "sw-far" not in out
    assert "sw-of-somebody-else in us-east-1 is tagged as made by user/bob" in err

    code, _out, err = aws("teardown", "--all", "--target", "aws")
    assert code == 2
    assert "no terminal" in err
    assert "sw-mine" in models(here)

    code, _out, err = aws("teardown", "--all", "--target", "aws", "--region", "us-east-1", "--yes")
    assert code == 0
    assert "sw-of-somebody-else is tagged as made by user/bob: left alone" in " ".join(err.split())
    kept = {"sw-untagged", "sw-of-another-tool", "sw-of-somebody-else", "sw-with-a-path"}
    assert models(here) == kept
    assert models(there) == {"sw-far"}
    code, _out, err = aws(
        "teardown", "--all", "--target", "aws", "--region", "us-east-1", "--region", "eu-west-1", "--yes",
        "--owner", "user/bob",
    )  # fmt: skip
    assert code == 0
    assert models(there) == set()
    assert models(here) == kept - {"sw-of-somebody-else"}


def test_the_number_of_the_account_has_to_be_typed(account, aws, monkeypatch):
    _settings, _address, client = account
    model(client("sagemaker"), "sw-typed", tags())

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    def typed(text):
        out, err = io.StringIO(), Terminal()
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        monkeypatch.setattr(sys, "stdin", Terminal(text))
        return cli.main(["teardown", "--all", "--target", "aws"])

    assert typed("210987654321\n") == 130
    assert "sw-typed" in models(client("sagemaker"))
    assert typed("123456789012\n") == 0
    assert "sw-typed" not in models(client("sagemaker"))


@pytest.mark.slow
def test_what_cannot_be_deleted_is_exit_code_5_with_its_price_on_the_last_line(account, aws, monkeypatch):
    settings, _address, client = account
    target = sessions.open_aws(settings, role=ROLE, confirm=lambda _account: True, environ={})
    engine = Engine(target, settings=settings)
    end = list(engine.run(DIGITS, until="deploy", keep=True, ttl=Ttl(3600)))[-1]
    assert isinstance(end, ev.RunFinished), end
    assert end.exit_code == 5
    group = f"/aws/sagemaker/Endpoints/sw-{end.run_id}-endpoint"
    # Another machine has no ledger: everything is found by its tags, the schedule by its endpoint.
    for row in engine.ledger.alive():
        if row.kind != "s3-prefix":
            engine.ledger.deleted(row.id, now=0.0, note="lost")
    launcher.set_faults(settings, b"format_version: 1\nfaults:\n- {calls: DeleteEndpoint, error: denied}\n")
    try:
        code, _out, err = aws("teardown", "--all", "--target", "aws", "--yes")
        assert code == 5
        assert err.rstrip().splitlines()[-1] == "1 resource goes on costing $0.115/h until deleted."
        assert "no permission" in err or "not authorized" in err
        assert [entry.kind for entry in engine.ledger.alive() if entry.kind != "s3-prefix"] == ["endpoint"]
    finally:
        launcher.set_faults(settings, None)

    def interrupted(*_arguments, **_options):
        raise CancelledError("The run was cancelled.")

    with monkeypatch.context() as patch:
        patch.setattr(inventory, "delete", interrupted)
        code, _out, err = aws("teardown", "--all", "--target", "aws", "--yes")
    assert code == 5
    assert err.rstrip().splitlines()[-1] == "1 resource goes on costing $0.115/h until deleted."
    # Cut off at once, a command says what the ledger knows.
    said = io.StringIO()
    shown = Console(said, Ink("none", True, 100), terminal=False, movable=False)
    assert problems.left_on_aws(shown) == 5
    assert said.getvalue().rstrip().endswith("by the ledger, costs $0.115/h until it is deleted.")
    code, out, err = aws("cost")
    assert code == 0
    assert f"sw-{end.run_id}-endpoint" in out
    assert "$0.115/h now" in err
    # Logs and data are kept unless asked for.
    assert aws("teardown", "--all", "--target", "aws", "--yes")[0] == 0
    logs, s3 = client("logs"), client("s3")
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    prefix = {"Bucket": target.bucket, "Prefix": f"sagewizard/{end.run_id}/"}
    assert s3.list_objects_v2(**prefix)["KeyCount"] > 0
    code, _out, err = aws("teardown", end.run_id, "--yes", "--logs", "--data")
    assert code == 0, err
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"] == []
    streams = logs.describe_log_streams(logGroupName="/aws/sagemaker/TrainingJobs")["logStreams"]
    assert not [one for one in streams if one["logStreamName"].startswith(f"sw-{end.run_id}-")]
    assert s3.list_objects_v2(**prefix)["KeyCount"] == 0
    assert client("scheduler").list_schedules()["Schedules"] == []
    assert engine.ledger.alive() == []
    assert problems.left_on_aws() == 130


def test_a_row_whose_thing_somebody_else_deleted_is_closed_and_one_kind_may_be_chosen(
    account, aws, monkeypatch
):
    settings, _address, client = account
    monkeypatch.setattr(inventory, "SETTLED_SECONDS", 0.0)
    sagemaker, ledger = client("sagemaker"), Ledger(settings.ledger)
    for name in ("sw-gone", "sw-there"):
        model(sagemaker, name, tags())
    assert aws("resources", "--target", "aws")[0] == 0
    sagemaker.delete_model(ModelName="sw-gone")
    code, _out, err = aws("teardown", "--all", "--target", "aws", "--yes", "--only", "endpoint")
    assert (code, "nothing to delete" in err) == (0, True)
    assert [entry.name for entry in ledger.alive()] == ["sw-there"]
    assert [entry.note for entry in ledger.all() if entry.name == "sw-gone"] == ["gone already"]
    assert aws("teardown", "--all", "--target", "aws", "--yes", "--only", "model")[0] == 0
    assert ledger.alive() == []


def test_tags_that_cannot_be_read_are_said_and_the_ledger_still_works(account, aws):
    settings, _address, client = account
    model(client("sagemaker"), "sw-known", tags())
    assert aws("resources", "--target", "aws")[0] == 0
    launcher.set_faults(settings, b"format_version: 1\nfaults:\n- {calls: ListEndpoints, error: denied}\n")
    try:
        code, _out, err = aws("teardown", "--all", "--target", "aws", "--yes")
    finally:
        launcher.set_faults(settings, None)
    assert code == 0
    assert "only what the ledger knows of" in err
    assert "sw-known" not in models(client("sagemaker"))


# Cost Explorer and the role of the schedules, by recorded shapes


def client_of(service):
    return boto3.client(service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y")


def test_cost_explorer_is_asked_by_tag_and_by_usage_type():
    client = client_of("ce")
    by_tag = {"ResultsByTime": [{"Groups": [
        {"Keys": ["sagewizard:run$"], "Metrics": {"UnblendedCost": {"Amount": "3", "Unit": "USD"}}},
        {"Keys": ["sagewizard:run$one"], "Metrics": {"UnblendedCost": {"Amount": "0.5", "Unit": "USD"}}},
    ]}]}  # fmt: skip
    by_usage = {"ResultsByTime": [{"Groups": [
        {"Keys": ["USE1-Host:ml.m5.large"], "Metrics": {"UnblendedCost": {"Amount": "3.5", "Unit": "USD"}}},
    ]}]}  # fmt: skip
    common = {
        "TimePeriod": {"Start": "2026-11-20", "End": "2026-11-22"},
        "Granularity": "MONTHLY",
        "Metrics": ["UnblendedCost"],
        "Filter": {"Dimensions": {"Key": "SERVICE", "Values": ["Amazon SageMaker"]}},
    }
    now = datetime.datetime(2026, 11, 21, 6, tzinfo=datetime.UTC).timestamp()
    with Stubber(client) as stub:
        tag = [{"Type": "TAG", "Key": "sagewizard:run"}]
        stub.add_response(
            "get_cost_and_usage", {**by_tag, "NextPageToken": "more"}, {**common, "GroupBy": tag}
        )
        stub.add_response("get_cost_and_usage", by_tag, {**common, "GroupBy": tag, "NextPageToken": "more"})
        usage = [{"Type": "DIMENSION", "Key": "USAGE_TYPE"}]
        stub.add_response("get_cost_and_usage", by_usage, {**common, "GroupBy": usage})
        found = ask(client, since=now - 86_400, now=now)
        stub.assert_no_pending_responses()
    assert found.by_run == {"": 6.0, "one": 1.0}
    assert found.by_usage == {"USE1-Host:ml.m5.large": 3.5}
    assert found.requests == 3


def test_a_refusal_of_cost_explorer_is_a_plain_line(account, aws, monkeypatch):
    client = client_of("ce")
    with Stubber(client) as stub:
        stub.add_client_error(
            "get_cost_and_usage", "AccessDeniedException",
            "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: ce:GetCostAndUsage",
        )  # fmt: skip
        monkeypatch.setattr(sessions, "cost_explorer", lambda _profile: client)
        code, out, _err = aws("cost", "--billed")
    assert code == 0
    assert "What AWS has billed is not known" in out
    assert "ce:GetCostAndUsage" in out


def role(**statement):
    given = {"Effect": "Allow", "Action": "sts:AssumeRole", **statement}
    return {
        "Role": {
            "Path": "/", "RoleName": "R", "RoleId": "AROA1234567890123456",
            "CreateDate": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
            "Arn": "arn:aws:iam::123456789012:role/R",
            "AssumeRolePolicyDocument": json.dumps({"Version": "2012-10-17", "Statement": [given]}),
        }
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (role(Principal={"Service": "scheduler.amazonaws.com"}), ""),
        (role(Principal={"Service": "sagemaker.amazonaws.com"}), "does not trust scheduler.amazonaws.com"),
        ("NoSuchEntity", "there is no role R in this account"),
        ("AccessDenied", ""),
    ],
)
def test_the_role_of_the_schedules_is_looked_at_before(answer, words):
    iam = client_of("iam")
    with Stubber(iam) as stub:
        if isinstance(answer, str):
            stub.add_client_error("get_role", answer)
        else:
            stub.add_response("get_role", answer, {"RoleName": "R"})
        found = ttl_role.problem(iam, "arn:aws:iam::123456789012:role/R")
    assert (words in found) if words else found == ""


def test_a_plan_that_cannot_keep_its_ttl_stops_unless_it_may_go_on():
    from sagewizard.aws.prices import TablePrices
    from sagewizard.engine.plan import plan_run
    from sagewizard.render.plan import plan_lines

    def plan(otherwise, problem):
        return plan_run(
            DIGITS.with_settings(Ttl(7200, otherwise).settings), target="aws", simulated=False,
            region="us-east-1", prices=TablePrices(), ttl_problem=problem,
        )  # fmt: skip

    fine = plan("stop", "")
    refuse_without_ttl(fine)
    assert "schedule" in [item.what for item in fine.resources]
    assert "deletes itself 2 h 00 min after its last use" in " ".join(plan_lines(fine))
    with pytest.raises(UsageError, match="there is no role") as caught:
        refuse_without_ttl(plan("stop", "there is no role R"))
    assert "--create-ttl-role" in caught.value.remedy
    without = plan("continue", "there is no role R")
    refuse_without_ttl(without)
    assert "schedule" not in [item.what for item in without.resources]
    assert "will not delete itself: there is no role R" in " ".join(plan_lines(without))


def test_the_role_may_delete_tagged_endpoints_and_nothing_else():
    (statement,) = ttl_role.permissions("123456789012")["Statement"]
    assert statement["Action"] == "sagemaker:DeleteEndpoint"
    assert statement["Resource"] == "arn:aws:sagemaker:*:123456789012:endpoint/sw-*"
    assert statement["Condition"] == {"Null": {"aws:ResourceTag/sagewizard:run": "false"}}
    (trust,) = ttl_role.trust("123456789012")["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
