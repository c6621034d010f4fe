"""Owns the way from a target's name to a `Target`: the sandbox on this machine, or an AWS account."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

from sagewizard.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagewizard.aws.billed import Billed
    from sagewizard.settings import Settings
    from sagewizard.target import PriceList, Target

NAMES: Final = ("sandbox", "aws")
"""The targets there are; the first is the default."""

SANDBOX_POLL_SECONDS: Final = 0.2
"""Between two looks at a job in the sandbox: a call takes 5 ms there, and a training job 2 s."""


def open_target(
    name: str,
    settings: Settings,
    *,
    region: str | None = None,
    profile: str | None = None,
    role: str | None = None,
    confirm: Callable[[str], bool] | None = None,
) -> Target:
    """Return the target of a name, starting the sandbox's server if need be.

    `aws` needs `confirm`, which gets the account number and must return True before anything else is asked.
    The sandbox has an account, role and credentials of its own, so it takes none of `profile` and `role`.
    Raises `UsageError` for another name, `SandboxError`, `CredentialsError` or `TargetError` when the target
    cannot be reached, `CancelledError` when the account is not confirmed.
    """
    if name == "sandbox":
        return _sandbox(settings, region=region, profile=profile, role=role)
    if name == "aws":
        from sagewizard.aws.session import open_aws

        return open_aws(settings, region=region, profile=profile, role=role, confirm=confirm)
    close = difflib.get_close_matches(name.lower(), NAMES, 1)
    raise UsageError(
        f"There is no target {name!r}",
        remedy=(f"Did you mean {close[0]}? " if close else "") + f"Choose one of {', '.join(NAMES)}.",
    )


def open_to_clean(
    name: str, settings: Settings, *, region: str | None = None, profile: str | None = None
) -> Target:
    """Return a target for listing and deleting alone, where neither role nor bucket need be in order.

    Raises as `open_target` does; nobody is asked to confirm, since nothing is made.
    """
    if name == "sandbox":
        return _sandbox(settings, region=region, profile=profile, role=None)
    from sagewizard.aws.session import open_to_clean

    return open_to_clean(settings, region=region, profile=profile)


def all_regions(profile: str | None = None) -> list[str]:
    """Return every region that SageMaker is in, as the installed boto3 knows them."""
    from sagewizard.aws.session import all_regions

    return all_regions(profile)


def billed(profile: str | None, *, since: float, now: float) -> Billed:
    """Ask Cost Explorer what AWS has billed for SageMaker since a moment. Raises what `open_target` does."""
    from sagewizard.aws.billed import ask
    from sagewizard.aws.session import cost_explorer
    from sagewizard.boto_errors import translated

    client = cost_explorer(profile)
    with translated("ask Cost Explorer what was billed", profile=profile):
        return ask(client, since=since, now=now)


def ttl_problem(target: Target, role: str = "") -> str:
    """Say why an endpoint on a target could not delete itself; "" when it can, or when IAM does not tell.

    Looks at the role that EventBridge Scheduler would take on; `role` is a name or an ARN, "" the usual one.
    """
    if target.simulated:
        return ""
    from sagewizard.aws.ttl_role import problem
    from sagewizard.boto_errors import translated
    from sagewizard.engine.ttl import role_arn

    with translated("look up the role that deletes endpoints", region=target.region):
        return problem(target.client("iam"), role_arn(target.account_id, target.region, role))


def sandbox_runs(settings: Settings) -> bool:
    """Tell whether the sandbox's server runs, without starting it."""
    from sagewizard.sandbox import launcher

    return launcher.status(settings) is not None


def table_prices() -> tuple[PriceList, str]:
    """Return the price table that ships, and its region: for a price before any target is open."""
    from sagewizard.aws.prices import TABLE_REGION, TablePrices

    return TablePrices(), TABLE_REGION


def _sandbox(settings: Settings, *, region: str | None, profile: str | None, role: str | None) -> Target:
    for option, value in (("--profile", profile), ("--role", role)):
        if value:
            raise UsageError(
                f"{option} {value} was given, but the sandbox has credentials and a role of its own",
                remedy=f"Leave {option} out, or use --target aws.",
            )
    from sagewizard.aws.prices import TablePrices
    from sagewizard.sandbox import launcher, services
    from sagewizard.target import Target

    server = launcher.ensure(settings)
    chosen = region or services.REGION
    return Target(
        name="sandbox",
        region=chosen,
        account_id=services.ACCOUNT_ID,
        role_arn=services.ROLE_ARN,
        bucket=f"sagemaker-{chosen}-{services.ACCOUNT_ID}",
        prices=TablePrices(),
        simulated=True,
        poll_seconds=SANDBOX_POLL_SECONDS,
        endpoint_url=server.endpoint_url,
        credentials=server.credentials,
    )
