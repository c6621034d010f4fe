"""Owns the choice of the execution role: the role that SageMaker takes on to read data and write models."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from sagewizard.boto_errors import error_code, translate, translated
from sagewizard.errors import TargetError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ARN: Final = re.compile(
    r"arn:aws[a-z-]*:iam::(\d{12}):role/(?:[\x21-\x7e]{1,510}/)?([\w+=,.@-]{1,64})", re.ASCII
)
_NAME: Final = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)
_ASSUMED: Final = re.compile(r"arn:aws[a-z-]*:sts::\d{12}:assumed-role/([\w+=,.@-]{1,64})/.*", re.ASCII)
_CONSOLE_PREFIX: Final = "AmazonSageMaker-ExecutionRole"
"""What the console names the roles that it makes for SageMaker."""

ROLE_NAME: Final = "SageWizardExecutionRole"
"""What the doctor names the role that it makes."""

SERVICE: Final = "sagemaker.amazonaws.com"
_MOST_PAGES: Final = 10
_HOW: Final = "Name the execution role with --role NAME (or ARN), or set SAGEWIZARD_ROLE"
_DENIED: Final = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")


def find_role(iam: Any, role: str | None, *, account_id: str, identity_arn: str = "") -> str:
    """Return the ARN of the execution role; only reads.

    `role` is a name or an ARN. Without it: the role that the caller itself has taken on, if SageMaker may
    take it on as well (a SageMaker notebook), else the one that the doctor makes, else the newest
    `AmazonSageMaker-ExecutionRole*`, else the only role that trusts SageMaker. Raises `UsageError` for a role
    that is not there, of another account or that SageMaker may not take on, `TargetError` when none or
    several would do, or when IAM does not answer.
    """
    if role:
        return _named(iam, role, account_id)
    assumed = _ASSUMED.fullmatch(identity_arn)
    if assumed:
        own = look_up(iam, assumed[1])
        if own is not None and trusts_sagemaker(own.get("AssumeRolePolicyDocument")):
            return str(own["Arn"])
    candidates = [r for r in _roles(iam) if trusts_sagemaker(r.get("AssumeRolePolicyDocument"))]
    own_name = [r for r in candidates if r["RoleName"] == ROLE_NAME]
    if own_name:
        return str(own_name[0]["Arn"])
    console = [r for r in candidates if str(r["RoleName"]).startswith(_CONSOLE_PREFIX)]
    if console:
        return str(max(console, key=lambda r: (str(r.get("CreateDate", "")), str(r["RoleName"])))["Arn"])
    if len(candidates) == 1:
        return str(candidates[0]["Arn"])
    if candidates:
        names = sorted(str(r["RoleName"]) for r in candidates)
        shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        raise TargetError(f"{len(names)} roles may be taken on by SageMaker: {shown}", remedy=f"{_HOW}.")
    raise TargetError(
        f"The account {account_id} has no role that SageMaker may take on",
        remedy="Have one made with `sagewizard doctor --target aws --create-role`, or make one in the IAM "
        "console (use case SageMaker - Execution) and name it with --role or SAGEWIZARD_ROLE.",
    )


def trusts_sagemaker(policy: object) -> bool:
    """Whether a trust policy lets SageMaker take the role on."""
    return trusts(policy, SERVICE)


def trusts(policy: object, service: str) -> bool:
    """Whether a trust policy (a dictionary, or JSON as IAM sends it) lets a service take the role on."""
    if isinstance(policy, str):
        try:
            policy = json.loads(unquote(policy))
        except ValueError:
            return False
    if not isinstance(policy, dict):
        return False
    for statement in _list(policy.get("Statement")):
        if not isinstance(statement, dict) or statement.get("Effect") != "Allow":
            continue
        principal = statement.get("Principal")
        services = _list(principal.get("Service")) if isinstance(principal, dict) else []
        actions = {str(action).lower() for action in _list(statement.get("Action"))}
        if service in services and actions & {"sts:assumerole", "sts:*", "*"}:
            return True
    return False


def _named(iam: Any, role: str, account_id: str) -> str:
    arn = _ARN.fullmatch(role)
    if arn and arn[1] != account_id:
        raise UsageError(
            f"The role {role} belongs to the account {arn[1]}, but the credentials belong to {account_id}",
            remedy="SageMaker takes on roles of its own account only: name one of them with --role.",
        )
    if not arn and not _NAME.fullmatch(role):
        raise UsageError(
            f"{role[:80]!r} is neither the name nor the ARN of a role",
            remedy="Pass a name such as AmazonSageMaker-ExecutionRole, or arn:aws:iam::ACCOUNT:role/NAME.",
        )
    name = arn[2] if arn else role
    found = look_up(iam, name)
    if found is None:
        if arn:  # May not look, but knows the ARN: SageMaker itself will tell.
            return role
        raise TargetError(
            f"No permission for iam:GetRole, so the ARN of the role {name} is not known",
            remedy="Pass the whole ARN: --role arn:aws:iam::ACCOUNT:role/NAME.",
        )
    if not trusts_sagemaker(found.get("AssumeRolePolicyDocument")):
        raise UsageError(
            f"SageMaker may not take on the role {name}: its trust policy does not name {SERVICE}",
            remedy="Add sts:AssumeRole for that service to the role's trust policy, or name another role.",
        )
    return str(found["Arn"])


def trust(service: str, conditions: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the trust policy of a role that one service may take on, and nobody else."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {
        "Version": "2012-10-17",
        "Statement": [{**statement, "Condition": conditions} if conditions else statement],
    }


def look_up(iam: Any, name: str) -> Mapping[str, Any] | None:
    """Return a role, None when IAM may not be asked; `UsageError` when there is none of that name."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        role: Mapping[str, Any] = iam.get_role(RoleName=name)["Role"]
    except ClientError as error:
        if error_code(error) in _DENIED:
            return None
        if error_code(error) == "NoSuchEntity":
            raise UsageError(
                f"There is no role named {name} in this account",
                remedy=f"{_HOW}; the IAM console lists the roles.",
            ) from error
        raise translate(error, doing=f"look up the role {name}") from error
    except BotoCoreError as error:
        raise translate(error, doing=f"look up the role {name}") from error
    return role


def _roles(iam: Any) -> Iterator[Mapping[str, Any]]:
    request: dict[str, Any] = {"MaxItems": 1000}
    for _ in range(_MOST_PAGES):
        with translated("look for an execution role"):
            page = iam.list_roles(**request)
        yield from page["Roles"]
        if not page.get("IsTruncated"):
            return
        request["Marker"] = page["Marker"]


def _list(value: object) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
