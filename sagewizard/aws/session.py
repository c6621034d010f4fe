"""Owns how a real AWS account becomes a `Target`: session, region, account, guard, role and bucket.

Nothing here creates, changes or deletes anything; every call is a read.
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from sagewizard.aws.prices import LivePrices
from sagewizard.aws.quotas import ServiceQuotas
from sagewizard.aws.roles import find_role
from sagewizard.boto_errors import error_code, translate, translated
from sagewizard.errors import CancelledError, CredentialsError, TargetError, UsageError
from sagewizard.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sagewizard.clock import Clock
    from sagewizard.settings import Settings
    from sagewizard.target import PriceList

POLL_SECONDS: Final = 5.0
"""Between two looks at a job: SageMaker changes a status every few minutes, and throttles who asks often."""

_AWS_DOMAINS: Final = (
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".api.aws",
    ".api.amazonwebservices.com.cn",
    ".amazonaws.eu",
)
_SERVICES: Final = ("sagemaker", "sagemaker-runtime", "s3", "logs", "iam")
_ACCOUNT: Final = re.compile(r"[0-9]{12}")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks: the account number and the ARN of the user or assumed role."""

    account_id: str
    arn: str

    @property
    def owner(self) -> str:
        """The user, or the role and its session, as the tag `sagewizard:owner` names it."""
        return self.arn.rpartition(":")[2].partition("/")[2] or self.account_id


def open_aws(
    settings: Settings,
    *,
    region: str | None = None,
    profile: str | None = None,
    role: str | None = None,
    bucket: str | None = None,
    confirm: Callable[[str], bool] | None = None,
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
    make_session: Callable[..., Any] | None = None,
) -> Target:
    """Return the target of the account that the credentials belong to.

    `region` and `profile` default to what boto3 finds; `role` is a name or an ARN and defaults to
    SAGEWIZARD_ROLE, then to a role of the account that trusts SageMaker; `bucket` defaults to
    `sagemaker-REGION-ACCOUNT`, which need not exist yet. `confirm` gets the account number before anything
    but the identity was asked for, and must return True.

    Raises `UsageError` without `confirm` and for an unknown region, profile or role; `CancelledError` when
    `confirm` returns False; `CredentialsError` and `TargetError` for all that AWS answers.
    """
    if confirm is None:
        raise UsageError(
            "The target aws needs somebody to confirm the account: what runs there costs money",
            remedy="Pass confirm=, a function that gets the account number and returns True or False; "
            "or stay in the sandbox.",
        )
    env = os.environ if environ is None else environ
    session = make(region, profile, make_session)
    chosen = region_of(session, region)
    with translated("look up the AWS account", region=chosen, profile=profile):
        sts = session.client("sts", config=quick())
    check_endpoint(sts, "sts")
    identity = identify(sts, region=chosen, profile=profile)
    if not confirm(identity.account_id):
        raise CancelledError(
            f"The account {identity.account_id} was not confirmed; nothing was created",
            remedy="Run the same in the sandbox with --target sandbox, or confirm the account.",
        )
    target = Target(
        name="aws",
        region=chosen,
        account_id=identity.account_id,
        role_arn="",
        bucket=bucket or f"sagemaker-{chosen}-{identity.account_id}",
        prices=prices_of(session, settings, clock),
        simulated=False,
        poll_seconds=POLL_SECONDS,
        profile=profile,
        owner=identity.owner,
        quotas=ServiceQuotas(lambda: _checked(session, chosen, "service-quotas")),
        _session=session,
    )
    for service in _SERVICES:
        with translated(f"set up the {service} client", region=chosen, profile=profile):
            client = target.client(service)
        check_endpoint(client, service)
    target.role_arn = find_role(
        target.client("iam"),
        role or env.get("SAGEWIZARD_ROLE", "").strip() or None,
        account_id=identity.account_id,
        identity_arn=identity.arn,
    )
    check_bucket(target.client("s3"), target.bucket, identity.account_id)
    return target


def open_to_clean(
    settings: Settings,
    *,
    region: str | None = None,
    profile: str | None = None,
    clock: Clock | None = None,
    make_session: Callable[..., Any] | None = None,
) -> Target:
    """Return a target for listing and deleting: without a role, and whatever state the bucket is in.

    Raises as `open_aws` does; asks for the identity and nothing else.
    """
    session = make(region, profile, make_session)
    chosen = region_of(session, region)
    with translated("look up the AWS account", region=chosen, profile=profile):
        sts = session.client("sts", region_name=chosen, config=quick())
    check_endpoint(sts, "sts")
    identity = identify(sts, region=chosen, profile=profile)
    target = Target(
        name="aws",
        region=chosen,
        account_id=identity.account_id,
        role_arn="",
        bucket=f"sagemaker-{chosen}-{identity.account_id}",
        prices=prices_of(session, settings, clock),
        simulated=False,
        poll_seconds=POLL_SECONDS,
        profile=profile,
        owner=identity.owner,
        _session=session,
    )
    for service in ("sagemaker", "s3", "logs", "scheduler"):
        with translated(f"set up the {service} client", region=chosen, profile=profile):
            client = target.client(service)
        check_endpoint(client, service)
    return target


def cost_explorer(profile: str | None = None, make_session: Callable[..., Any] | None = None) -> Any:
    """Return a client of Cost Explorer, which answers in one region for all."""
    session = make(None, profile, make_session)
    if session.get_credentials() is None:
        raise no_credentials()
    with translated("set up the Cost Explorer client", profile=profile):
        client = session.client("ce", region_name="us-east-1", config=quick())
    check_endpoint(client, "ce")
    return client


def all_regions(profile: str | None = None, make_session: Callable[..., Any] | None = None) -> list[str]:
    """Return the regions with SageMaker of the partition that the credentials' own region is in."""
    session = make(None, profile, make_session)
    own = str(session.region_name or "us-east-1")
    for partition in ("aws-cn", "aws-us-gov", "aws"):
        names = list(session.get_available_regions("sagemaker", partition_name=partition))
        if own in names or partition == "aws":
            return names
    return []


def _checked(session: Any, region: str, service: str) -> Any:
    client = session.client(service, region_name=region, config=quick())
    check_endpoint(client, service)
    return client


def identify(sts: Any, *, region: str = "", profile: str | None = None) -> Identity:
    """Ask STS who the credentials belong to; `CredentialsError` or `TargetError` when it does not say."""
    with translated("look up the AWS account", region=region, profile=profile):
        answer = sts.get_caller_identity()
    account, arn = str(answer.get("Account", "")), str(answer.get("Arn", ""))
    if not _ACCOUNT.fullmatch(account):
        raise TargetError(
            f"STS answered with an account that is no account number: {account[:40]!r}",
            remedy="Something stands between this machine and AWS: check HTTPS_PROXY and AWS_ENDPOINT_URL.",
        )
    return Identity(account, arn)


def check_endpoint(client: Any, service: str) -> None:
    """Raise `TargetError` when a client of the target aws would not speak to AWS."""
    url = str(client.meta.endpoint_url)
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not (parts.scheme == "https" and host.endswith(_AWS_DOMAINS)):
        raise TargetError(
            f"The target is aws, but {service} is directed to {parts.scheme}://{host}",
            remedy="Unset AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_* (and endpoint_url in ~/.aws/config), "
            "or use --target sandbox.",
        )


def check_bucket(s3: Any, bucket: str, account_id: str) -> bool:
    """Return whether the bucket exists; `TargetError` when somebody else owns it or it may not be used.

    The default name can be guessed, so another account may have taken it to read what lands there.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=account_id)
    except ClientError as error:
        code = error_code(error)
        if code in ("404", "NoSuchBucket", "NotFound"):
            return False
        if code in ("403", "AccessDenied", "Forbidden"):
            raise TargetError(
                f"The bucket {bucket} belongs to another account, or s3:ListBucket on it is not allowed",
                remedy="Ask for s3:ListBucket on it, or name a bucket of the account's own.",
            ) from error
        raise translate(error, doing=f"look at the bucket {bucket}") from error
    except BotoCoreError as error:
        raise translate(error, doing=f"look at the bucket {bucket}") from error
    return True


def make(region: str | None, profile: str | None, make_session: Callable[..., Any] | None) -> Any:
    """Return a boto3 session of a region and a profile; UsageError when there is no such profile."""
    from botocore.exceptions import ProfileNotFound

    if make_session is None:
        import boto3

        make_session = boto3.session.Session
    with translated("read the AWS configuration", profile=profile):
        try:
            session = make_session(region_name=region, profile_name=profile)
            session.get_credentials()
        except ProfileNotFound as error:
            raise _no_profile(error) from error
    return session


def _no_profile(error: Exception) -> UsageError:
    name = str(getattr(error, "kwargs", {}).get("profile", ""))
    import botocore.session

    # A plain session reads the list; one of a profile that does not exist cannot be made.
    known = sorted(botocore.session.Session(profile="default").available_profiles)
    close = difflib.get_close_matches(name, known, 3) or known[:8]
    return UsageError(
        f"There is no AWS profile {name!r}",
        remedy=f"Use {' or '.join(close)} with --profile." if close else "Make one with `aws configure`.",
    )


def region_of(session: Any, asked: str | None) -> str:
    """Return the region to work in; UsageError without one, CredentialsError without credentials."""
    region = session.region_name
    if not region:
        raise UsageError(
            "No AWS region is set",
            remedy="Name one with --region, for instance --region us-east-1, or set AWS_DEFAULT_REGION.",
        )
    if session.get_credentials() is None:
        raise no_credentials()
    known = [
        name
        for partition in ("aws", "aws-cn", "aws-us-gov")
        for name in session.get_available_regions("sagemaker", partition_name=partition)
    ]
    if region not in known:
        close = difflib.get_close_matches(str(region), known, 3, 0.5)
        raise UsageError(
            f"The region {str(region)[:40]!r} has no SageMaker that this boto3 knows"
            + ("" if asked else " (it comes from the AWS configuration)"),
            remedy=(f"Did you mean {' or '.join(close)}? " if close else "")
            + "Name a region with --region; a newer boto3 knows newer regions.",
        )
    return str(region)


def no_credentials() -> CredentialsError:
    """Return the error of a machine without credentials."""
    return CredentialsError(
        "There are no AWS credentials on this machine",
        remedy="Run `aws configure` (or `aws configure sso`), set AWS_PROFILE, or stay in the sandbox, "
        "which needs none: --target sandbox.",
    )


def quick() -> Any:
    """Return the settings of clients that only ask: they give up soon."""
    from botocore.config import Config

    return Config(connect_timeout=5, read_timeout=15, retries={"mode": "standard", "max_attempts": 3})


def prices_of(session: Any, settings: Settings, clock: Clock | None) -> PriceList:
    """Return the price list of a session: the Price List API with the dated table behind it."""

    def make_client() -> Any:
        from botocore.config import Config

        config = Config(connect_timeout=3, read_timeout=5, retries={"mode": "standard", "max_attempts": 2})
        # The API answers in a few regions only, for all regions.
        return session.client("pricing", region_name="us-east-1", config=config)

    return LivePrices(make_client, settings.cache, clock)
