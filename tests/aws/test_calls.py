"""Every call on its way to AWS, recorded with the sandbox in its place: permissions, tags, ledger, limits."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from botocore.loaders import Loader

import sagewizard.engine
from sagewizard.aws import permissions
from sagewizard.engine import tagging

pytestmark = pytest.mark.slow

SERVICES = ("sagemaker", "sagemaker-runtime", "s3", "logs", "scheduler")


def test_the_document_of_permissions_is_what_the_calls_need(recorded, record_module):
    recording, _known = recorded
    written = record_module.DOCUMENT.read_text(encoding="utf-8")
    assert written == record_module.text(recording), "write it anew with `make permissions`"


def test_no_operation_that_the_engine_names_is_missing_from_the_recording(recorded):
    recording, _known = recorded
    operations = {
        name
        for service in SERVICES
        for name in Loader().load_service_model(service, "service-2")["operations"]
    }
    named = set()
    for path in Path(sagewizard.engine.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value in operations:
                named.add(node.value)
    assert len(named) > 20
    assert named - recording.operations == set()


def test_every_creating_call_carries_our_tags_and_nothing_else(recorded):
    recording, _known = recorded
    tagged = [
        (operation, params["Tags"])
        for service, operation, params in recording.order
        if operation.startswith("Create") and service in ("sagemaker", "iam")
    ]
    assert {operation for operation, _tags in tagged} == {
        "CreateTrainingJob", "CreateHyperParameterTuningJob", "CreateModel", "CreateEndpointConfig",
        "CreateEndpoint", "CreateTransformJob", "CreateRole",
    }  # fmt: skip
    for operation, tags in tagged:
        keys = {tag["Key"] for tag in tags}
        assert {"sagewizard:run", "sagewizard:owner", "sagewizard:expires"} <= keys, operation
        assert all(tagging.is_ours(tag) for tag in tags), operation
        assert all(tag["Value"] for tag in tags), operation


def test_every_object_says_which_run_it_belongs_to(recorded):
    recording, _known = recorded
    made = [
        params for service, operation, params in recording.order
        if service == "s3" and operation in ("PutObject", "CreateMultipartUpload") and "Metadata" in params
    ]  # fmt: skip
    assert made
    for params in made:
        run = params["Metadata"]["sagewizard-run"]
        assert params["Key"].startswith(f"sagewizard/{run}/")


def test_the_ledger_holds_the_intent_before_each_creating_call(recorded):
    _recording, known = recorded
    assert len(known) > 10
    assert [row for row in known if not row[2]] == []


def test_every_job_is_given_a_longest_run(recorded):
    recording, _known = recorded
    for _service, operation, params in recording.order:
        if operation == "CreateTrainingJob":
            assert params["StoppingCondition"]["MaxRuntimeInSeconds"] > 0
        if operation == "CreateHyperParameterTuningJob":
            assert params["TrainingJobDefinition"]["StoppingCondition"]["MaxRuntimeInSeconds"] > 0


@pytest.mark.parametrize(
    ("service", "operation", "request_", "wanted"),
    [
        ("sagemaker", "CreateModel", {"ExecutionRoleArn": "r", "Tags": [{}]},
         ("sagemaker:CreateModel", "sagemaker:AddTags", "iam:PassRole")),
        ("sagemaker", "CreateHyperParameterTuningJob", {"TrainingJobDefinition": {"RoleArn": "r"}},
         ("sagemaker:CreateHyperParameterTuningJob", "iam:PassRole")),
        ("sagemaker-runtime", "InvokeEndpoint", {}, ("sagemaker:InvokeEndpoint",)),
        ("service-quotas", "ListServiceQuotas", {}, ("servicequotas:ListServiceQuotas",)),
        ("s3", "HeadBucket", {}, ("s3:ListBucket",)),
        ("sts", "GetCallerIdentity", {}, ()),
    ],
)  # fmt: skip
def test_an_operation_becomes_the_action_that_iam_knows(service, operation, request_, wanted):
    assert permissions.actions(service, operation, request_) == wanted
