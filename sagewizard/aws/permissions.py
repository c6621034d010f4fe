"""Owns which IAM actions a call needs, and how a set of calls becomes a policy for a person to grant.

The prefix of an action is the service's signing name in botocore's own model of it, its name the operation's;
the exceptions are S3, whose actions are older than its operations, tags, and roles that are handed over.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Service Authorization Reference of S3: the actions that its operations are checked against.
_S3: Final[Mapping[str, tuple[str, ...]]] = {
    "HeadBucket": ("s3:ListBucket",),
    "ListObjectsV2": ("s3:ListBucket",),
    "GetBucketLocation": ("s3:GetBucketLocation",),
    "CreateBucket": ("s3:CreateBucket",),
    "HeadObject": ("s3:GetObject",),
    "GetObject": ("s3:GetObject",),
    "PutObject": ("s3:PutObject",),
    # What has begun in parts must be taken back when it is cancelled.
    "CreateMultipartUpload": ("s3:PutObject", "s3:AbortMultipartUpload"),
    "UploadPart": ("s3:PutObject",),
    "CompleteMultipartUpload": ("s3:PutObject",),
    "AbortMultipartUpload": ("s3:AbortMultipartUpload",),
    "DeleteObjects": ("s3:DeleteObject",),
}
_ROLE_MEMBERS: Final = ("RoleArn", "ExecutionRoleArn")
_UNRESTRICTED: Final = ("sts:GetCallerIdentity",)
"""Everybody may ask who they are; no policy can allow or deny it."""

_RESOURCES: Final[Mapping[str, tuple[str, ...]]] = {
    "sagemaker": ("arn:aws:sagemaker:*:ACCOUNT:*/sw-*",),
    "logs": ("arn:aws:logs:*:ACCOUNT:log-group:/aws/sagemaker/*",),
    "s3-bucket": ("arn:aws:s3:::sagemaker-*-ACCOUNT",),
    "s3-object": ("arn:aws:s3:::sagemaker-*-ACCOUNT/sagewizard/*",),
    "scheduler": ("arn:aws:scheduler:*:ACCOUNT:schedule/default/sw-*",),
    "own-role": ("arn:aws:iam::ACCOUNT:role/SageWizard*Role",),
    # Lists are of an account, not of a thing in it.
    "sagemaker-list": ("*",),
}
_INTRODUCTION: Final = (
    "Every call that SageWizard makes on AWS, by the step that makes it, and the IAM action it needs. "
    "The list is recorded from runs in the sandbox, and a test holds it equal; `make permissions` writes "
    "it anew."
)
_HOW_TO_READ: Final = (
    "In the policies, replace ACCOUNT by the account number, EXECUTION-ROLE-ARN by the role that SageMaker "
    "takes on for the jobs, SCHEDULER-ROLE-ARN by the one of `--ttl` (leave it and the schedules "
    "out without `--ttl`), and in China or GovCloud `arn:aws` by the partition. The names of what is made "
    "begin with `sw-` and objects lie under `sagewizard/`, so the policy lets nothing else be changed."
)
_S3_BUCKET: Final = ("s3:ListBucket", "s3:GetBucketLocation", "s3:CreateBucket")
_LIST_OF_ONE: Final = ("sagemaker:ListTags", "sagemaker:ListTrainingJobsForHyperParameterTuningJob")
_IAM_OWN_ROLE: Final = ("iam:CreateRole", "iam:DeleteRole", "iam:PutRolePolicy", "iam:TagRole")


@cache
def _prefix(service: str) -> str:
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return str(ServiceModel(Loader().load_service_model(service, "service-2"), service).signing_name)


def actions(service: str, operation: str, request: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the IAM actions of one call, by its service as boto3 names it and its parameters.

    KeyError for an operation of S3 that is not known here.
    """
    found = _S3[operation] if service == "s3" else (f"{_prefix(service)}:{operation}",)
    if service == "sagemaker" and operation.startswith("Create") and request.get("Tags"):
        found += ("sagemaker:AddTags",)
    if service == "iam" and request.get("Tags"):
        found += ("iam:TagRole",)
    if service != "iam" and _hands_over_role(request):
        found += ("iam:PassRole",)
    return tuple(action for action in found if action not in _UNRESTRICTED)


def _hands_over_role(request: Mapping[str, Any]) -> bool:
    if any(member in request for member in _ROLE_MEMBERS):
        return True
    return any(_hands_over_role(value) for value in request.values() if isinstance(value, dict))


def policy(wanted: Iterable[str]) -> dict[str, Any]:
    """Return the policy that allows the actions, each only on what the program itself makes where it can."""
    groups: dict[str, list[str]] = {}
    for action in sorted(set(wanted)):
        groups.setdefault(_group(action), []).append(action)
    statements = []
    for group in sorted(groups):
        statement: dict[str, Any] = {
            "Sid": "".join(part.title() for part in group.split("-")),
            "Effect": "Allow",
            "Action": groups[group],
            "Resource": list(_RESOURCES.get(group, ("*",))),
        }
        if group == "pass-role":
            passed = {"EXECUTION-ROLE-ARN": "sagemaker.amazonaws.com"}
            if "scheduler" in groups:
                passed["SCHEDULER-ROLE-ARN"] = "scheduler.amazonaws.com"
            statement["Resource"] = list(passed)
            statement["Condition"] = {"StringEquals": {"iam:PassedToService": list(passed.values())}}
        statements.append(statement)
    return {"Version": "2012-10-17", "Statement": statements}


def _group(action: str) -> str:
    service = action.partition(":")[0]
    if action == "iam:PassRole":
        return "pass-role"
    if service == "sagemaker" and action.startswith("sagemaker:List") and action not in _LIST_OF_ONE:
        return "sagemaker-list"
    if action in _IAM_OWN_ROLE:
        return "own-role"
    if service == "s3":
        return "s3-bucket" if action in _S3_BUCKET else "s3-object"
    return service if service in _RESOURCES else "account"


def document(calls: Mapping[str, Mapping[str, Iterable[str]]], titles: Mapping[str, str]) -> str:
    """Return docs/iam-permissions.md of calls: part of the program -> `service Operation` -> actions.

    Parts come in the order of `titles`; the parts named `doctor` and `create-role` get a policy of their own.
    """
    apart = ("ttl", "billed", "doctor", "create-role", "create-ttl-role")
    lines = [
        "# What AWS has to allow",
        "",
        _INTRODUCTION,
        "",
        _HOW_TO_READ,
        "",
        "| part | call | action |",
        "|---|---|---|",
    ]
    for part, title in titles.items():
        for call in sorted(calls.get(part, {})):
            allowed = ", ".join(f"`{action}`" for action in calls[part][call]) or "(none needed)"
            lines.append(f"| {title} | {call} | {allowed} |")
    sections = [
        ("To run recipes", [part for part in titles if part not in apart]),
        ("For `--ttl`, beyond that", ["ttl"]),
        ("For `sagewizard cost --billed`, beyond that", ["billed"]),
        ("For `sagewizard doctor --target aws`, beyond that", ["doctor"]),
        ("For `sagewizard doctor --target aws --create-role`, beyond that", ["create-role"]),
        ("For `sagewizard doctor --target aws --create-ttl-role`, beyond that", ["create-ttl-role"]),
    ]
    granted: set[str] = set()
    for heading, parts in sections:
        wanted = {a for part in parts for found in calls.get(part, {}).values() for a in found} - granted
        granted |= wanted
        if wanted:
            lines += ["", f"## {heading}", "", "```json", json.dumps(policy(wanted), indent=2), "```"]
    return "\n".join(lines) + "\n"
