"""Owns the role that lets EventBridge Scheduler delete endpoints: what it may do, and whether it is there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from sagewizard.boto_errors import error_code, is_boto, translate

if TYPE_CHECKING:
    from collections.abc import Mapping

POLICY_NAME: Final = "SageWizardDeleteEndpoint"
SERVICE: Final = "scheduler.amazonaws.com"
_DENIED: Final = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")


def trust(account: str) -> dict[str, Any]:
    """Return who may take the role on: Scheduler, for schedules of this account alone."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": SERVICE},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:SourceAccount": account}},
            }
        ],
    }


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
        found = iam.get_role(RoleName=name)["Role"]
    except Exception as error:
        if not is_boto(error):
            raise
        if error_code(error) == "NoSuchEntity":
            return f"there is no role {name} in this account"
        if error_code(error) in _DENIED:
            return ""
        raise translate(error, doing=f"look up the role {name}") from error
    if str(found.get("Arn", role_arn)) != role_arn:
        return f"the role {name} is {found['Arn']}, not {role_arn}"
    return (
        "" if _trusts(found.get("AssumeRolePolicyDocument")) else f"the role {name} does not trust {SERVICE}"
    )


def _trusts(policy: object) -> bool:
    if isinstance(policy, str):
        try:
            policy = json.loads(unquote(policy))
        except ValueError:
            return False
    if not isinstance(policy, dict):
        return False
    statements = policy.get("Statement")
    listed = statements if isinstance(statements, list) else [statements]
    return any(_allows(statement) for statement in listed if isinstance(statement, dict))


def _allows(statement: Mapping[str, Any]) -> bool:
    principal = statement.get("Principal")
    named = principal.get("Service") if isinstance(principal, dict) else None
    services = named if isinstance(named, list) else [named]
    return statement.get("Effect") == "Allow" and SERVICE in services
