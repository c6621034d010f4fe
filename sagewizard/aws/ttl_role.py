"""Owns the role that lets EventBridge Scheduler delete endpoints: what it may do, and whether it is there."""

from __future__ import annotations

from typing import Any, Final

from sagewizard.aws import roles
from sagewizard.errors import UsageError

POLICY_NAME: Final = "SageWizardDeleteEndpoint"
SERVICE: Final = "scheduler.amazonaws.com"


def trust(account: str) -> dict[str, Any]:
    """Return who may take the role on: Scheduler, for schedules of this account alone."""
    return roles.trust(SERVICE, {"StringEquals": {"aws:SourceAccount": account}})


def permissions(account: str, partition: str = "aws") -> dict[str, Any]:
    """Return what it may do: delete endpoints that carry the tag of a run, by their names and no others."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "DeleteOwnEndpoints",
                "Effect": "Allow",
                "Action": "sagemaker:DeleteEndpoint",
                "Resource": f"arn:{partition}:sagemaker:*:{account}:endpoint/sw-*",
                "Condition": {"Null": {"aws:ResourceTag/sagewizard:run": "false"}},
            }
        ],
    }


def problem(iam: Any, role_arn: str) -> str:
    """Say why Scheduler could not take the role on; "" when it can, or when IAM may not be asked."""
    name = role_arn.rpartition("/")[2]
    try:
        found = roles.look_up(iam, name)
    except UsageError:
        return f"there is no role {name} in this account"
    if found is None:
        return ""
    if str(found.get("Arn", role_arn)) != role_arn:
        return f"the role {name} is {found['Arn']}, not {role_arn}"
    trusted = roles.trusts(found.get("AssumeRolePolicyDocument"), SERVICE)
    return "" if trusted else f"the role {name} does not trust {SERVICE}"
