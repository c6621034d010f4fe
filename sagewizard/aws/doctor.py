"""Looks at an AWS account before a run: credentials, region, role, bucket, quotas, prices, clock.

Only reads. Whether the bucket can be written is asked by beginning a multipart upload and aborting it, which
leaves no object behind.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from sagewizard.aws import session as sessions
from sagewizard.aws.quotas import ServiceQuotas
from sagewizard.aws.roles import find_role
from sagewizard.boto_errors import error_code, translated
from sagewizard.clock import SystemClock
from sagewizard.engine.plan_instances import COMPONENTS, propose, quota_name, use_of
from sagewizard.errors import CredentialsError, SageWizardError, TargetError
from sagewizard.findings import Finding
from sagewizard.render.units import hourly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sagewizard.clock import Clock
    from sagewizard.recipe.recipe import Recipe
    from sagewizard.settings import Settings
    from sagewizard.target import PriceList, QuotaList

MOST_SKEW_SECONDS: Final = 300.0
"""What AWS accepts between its clock and ours."""

_SOURCES: Final[Mapping[str, str]] = {
    "env": "environment variables",
    "shared-credentials-file": "the file ~/.aws/credentials",
    "config-file": "the file ~/.aws/config",
    "sso": "single sign-on (aws sso login)",
    "login": "the console session (aws login)",
    "assume-role": "a role that the profile takes on",
    "assume-role-with-web-identity": "a web identity",
    "custom-process": "the profile's credential_process",
    "container-role": "the container's role",
    "iam-role": "this machine's role",
    "explicit": "keys given by the program",
}
_SET_CLOCK: Final = "Set the clock, best by the network; AWS accepts a difference of 5 minutes."
_SKEWED: Final = ("RequestTimeTooSkewed", "RequestInTheFuture")
_SKEWED_WORDS: Final = ("Signature expired", "Signature not yet current")
_MAKE_ROLE: Final = "Or have one made, its policy shown first: sagewizard doctor --target aws --create-role"


@dataclass
class Account:
    """What was found on the way: later looks, and the making of a role, need it."""

    session: Any = None
    region: str = ""
    identity: sessions.Identity | None = None
    bucket: str = ""
    role_arn: str = ""
    clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """Return a client of the account's session that speaks to AWS and gives up soon."""
        if service not in self.clients:
            with translated(f"set up the {service} client", region=self.region):
                made = self.session.client(service, region_name=self.region, config=sessions.quick())
            sessions.check_endpoint(made, service)
            self.clients[service] = made
        return self.clients[service]

    @property
    def partition(self) -> str:
        """The part of AWS that the account is in, as ARNs begin."""
        return self.identity.arn.split(":")[1] if self.identity else "aws"


def look(
    settings: Settings,
    account: Account,
    *,
    recipe: Recipe | None = None,
    region: str | None = None,
    profile: str | None = None,
    role: str | None = None,
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
    make_session: Callable[..., Any] | None = None,
) -> Iterator[Finding]:
    """Look at one thing after the other, filling `account`; ends early where nothing more can be asked."""
    env = os.environ if environ is None else environ
    clock = clock or SystemClock()
    try:
        account.session = sessions.make(region, profile, make_session)
        found = account.session.get_credentials()
        if found is None:
            raise sessions.no_credentials()
    except SageWizardError as error:
        yield _failed("credentials", error)
        return
    source = _SOURCES.get(str(getattr(found, "method", "")), str(getattr(found, "method", "")))
    source = f"from {source}" + (f", profile {profile}" if profile else "")
    try:
        account.region = sessions.region_of(account.session, region)
    except SageWizardError as error:
        yield Finding("credentials", "ok", f"{source}; not tried yet, for want of a region")
        yield _failed("region", error)
        return
    # Whether the credentials are any good is known once they have been used.
    told = list(_identity(account, profile, clock, source))
    if account.identity is not None:
        yield Finding("credentials", "ok", source)
    yield Finding("region", "ok", account.region)
    yield from told
    if account.identity is None:
        return
    account.bucket = f"sagemaker-{account.region}-{account.identity.account_id}"
    yield from _role(account, role or env.get("SAGEWIZARD_ROLE", "").strip() or None)
    yield from _ttl_role(account, recipe)
    yield from _bucket(account)
    yield from _instances(account, recipe, sessions.prices_of(account.session, settings, clock))


def _identity(account: Account, profile: str | None, clock: Clock, source: str) -> Iterator[Finding]:
    told: dict[str, str] = {}

    def hear(parsed: Any, **_more: Any) -> None:
        headers = (parsed or {}).get("ResponseMetadata", {}).get("HTTPHeaders", {})
        told["date"] = str(headers.get("date", ""))

    try:
        sts = account.client("sts")
        sts.meta.events.register("after-call.sts.GetCallerIdentity", hear)
        account.identity = sessions.identify(sts, region=account.region, profile=profile)
    except SageWizardError as error:
        cause = error.__cause__
        if cause is not None and error_code(cause) in _SKEWED:
            yield _failed("clock", error)
        elif any(words in str(cause) for words in _SKEWED_WORDS):
            yield Finding("clock", "failed", "this machine's clock differs too much from AWS's", _SET_CLOCK)
        elif isinstance(error, CredentialsError):
            yield Finding("credentials", "failed", f"{source}: {error.message}", _without_run(error))
        else:
            yield Finding("credentials", "ok", f"{source}; AWS could not be asked whether it takes them")
            yield Finding("identity", "failed", error.message, _without_run(error))
        return
    yield Finding("identity", "ok", f"{account.identity.arn} in the account {account.identity.account_id}")
    yield _clock(told.get("date", ""), clock.now())


def _without_run(error: SageWizardError) -> str:
    """Return a remedy without what it says of a run: there is none that could go on."""
    told = error.remedy
    for words in (" Then resume the run", "; then resume the run"):
        told = told.partition(words)[0]
    return f"{told.rstrip('.')}."


def _clock(date: str, now: float) -> Finding:
    try:
        skew = now - parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError):
        return Finding("clock", "ok", "AWS accepts it")
    text = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} AWS's" if abs(skew) >= 2 else "as AWS's"
    if abs(skew) > MOST_SKEW_SECONDS:
        return Finding("clock", "failed", text, _SET_CLOCK)
    if abs(skew) > MOST_SKEW_SECONDS / 5:
        return Finding("clock", "warning", text, f"{_SET_CLOCK} It is not refused yet.")
    return Finding("clock", "ok", text)


def _role(account: Account, role: str | None) -> Iterator[Finding]:
    assert account.identity is not None
    iam = account.client("iam")
    try:
        account.role_arn = find_role(
            iam, role, account_id=account.identity.account_id, identity_arn=account.identity.arn
        )
    except SageWizardError as error:
        remedy = (
            error.remedy if "--create-role" in error.remedy else f"{error.remedy.rstrip('.')}. {_MAKE_ROLE}."
        )
        yield Finding("role", "failed", error.message, remedy)
        return
    how = "as named" if role else "found"
    yield Finding("role", "ok", f"{account.role_arn} ({how}); SageMaker may take it on")
    yield _pass_role(account, iam)


def _pass_role(account: Account, iam: Any) -> Finding:
    """Ask IAM whether the caller may hand the role to SageMaker, which is not the same as its trust."""
    assert account.identity is not None
    if account.identity.arn.endswith(":root"):
        return Finding("pass role", "ok", "the account's root user may do everything")
    remedy = f"Ask for iam:PassRole on {account.role_arn}, or name a role that may be passed with --role."
    try:
        with translated("ask whether the role may be passed"):
            answer = iam.simulate_principal_policy(
                PolicySourceArn=_principal(account, iam),
                ActionNames=["iam:PassRole"],
                ResourceArns=[account.role_arn],
                ContextEntries=[
                    {
                        "ContextKeyName": "iam:PassedToService",
                        "ContextKeyValues": ["sagemaker.amazonaws.com"],
                        "ContextKeyType": "string",
                    }
                ],
            )
    except SageWizardError as error:
        return Finding(
            "pass role", "warning", f"could not be asked: {error.message}",
            "The first job will tell; allow iam:SimulatePrincipalPolicy to know before.",
        )  # fmt: skip
    decisions = {str(result["EvalDecision"]) for result in answer.get("EvaluationResults", [])}
    if decisions == {"allowed"}:
        return Finding("pass role", "ok", "you may hand it to SageMaker")
    return Finding("pass role", "failed", "you may not hand the role to SageMaker (iam:PassRole)", remedy)


def _ttl_role(account: Account, recipe: Recipe | None) -> Iterator[Finding]:
    """Look at the role that deletes endpoints, where a recipe asks for that."""
    from sagewizard.aws.ttl_role import problem
    from sagewizard.engine.ttl import of_recipe, role_arn

    ttl = of_recipe(recipe) if recipe is not None else None
    if ttl is None or account.identity is None:
        return
    arn = role_arn(account.identity.account_id, account.region, ttl.role)
    try:
        with translated("look up the role that deletes endpoints"):
            found = problem(account.client("iam"), arn)
    except SageWizardError as error:
        yield Finding("ttl role", "warning", error.message, error.remedy)
        return
    if not found:
        yield Finding("ttl role", "ok", f"{arn}; endpoints can delete themselves")
        return
    state: Literal["failed", "warning"] = "failed" if ttl.otherwise == "stop" else "warning"
    yield Finding(
        "ttl role", state, f"the endpoint could not delete itself: {found}",
        "Have it made, its policy shown first: sagewizard doctor --target aws --create-ttl-role. Or go on"
        " without, with --ttl-else continue.",
    )  # fmt: skip


def _principal(account: Account, iam: Any) -> str:
    """Return the ARN that policies belong to: of a session that took on a role, the role's."""
    assert account.identity is not None
    arn = account.identity.arn
    if ":assumed-role/" not in arn:
        return arn
    name = arn.split("/")[1]
    return str(iam.get_role(RoleName=name)["Role"]["Arn"])


def _bucket(account: Account) -> Iterator[Finding]:
    assert account.identity is not None
    s3, bucket = account.client("s3"), account.bucket
    try:
        if not sessions.check_bucket(s3, bucket, account.identity.account_id):
            yield Finding("bucket", "ok", f"{bucket} is not there yet; the first run makes it")
            return
        with translated(f"look where the bucket {bucket} is"):
            place = str(s3.get_bucket_location(Bucket=bucket).get("LocationConstraint") or "us-east-1")
        place = {"EU": "eu-west-1"}.get(place, place)
        if place != account.region:
            raise TargetError(
                f"The bucket {bucket} is in {place}, and the region is {account.region}",
                remedy=f"Use --region {place}, or delete the bucket if it is empty.",
            )
        with translated(f"write to the bucket {bucket}"):
            key = "sagewizard/doctor"
            upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
            s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
    except SageWizardError as error:
        yield _failed("bucket", error)
        return
    yield Finding("bucket", "ok", f"{bucket}, in {place}, can be written")


def _instances(account: Account, recipe: Recipe | None, prices: PriceList) -> Iterator[Finding]:
    if recipe is None:
        yield _price(prices, account.region, "ml.m5.large", "Training")
        yield Finding("quotas", "ok", "not asked: name a recipe, and its instance types are looked up")
        return
    quotas = ServiceQuotas(lambda: account.client("service-quotas"))
    steps = [step for step in recipe.steps if step in COMPONENTS]
    wanted = dict.fromkeys((str(recipe.value(f"{step}.instance_type")), COMPONENTS[step]) for step in steps)
    for instance_type, component in wanted:
        yield _price(prices, account.region, instance_type, component)
    yield from _quotas(recipe, steps, quotas)


def _quotas(recipe: Recipe, steps: list[str], quotas: QuotaList) -> Iterator[Finding]:
    problems = {proposal.step: proposal for proposal in propose(recipe, steps, quotas)}
    for step in steps:
        wanted, use = str(recipe.value(f"{step}.instance_type")), use_of(recipe, step)
        limit = quotas.limit(wanted, use)
        problem = problems.get(step)
        if problem is not None:
            request = f" Or ask for '{quota_name(wanted, use)}' in the Service Quotas console."
            yield Finding(
                f"{step} quota", "warning" if problem.retired else "failed",
                f"{wanted}: {problem.reason}",
                problem.remedy + ("" if problem.retired or not problem.proposed else request),
            )  # fmt: skip
        elif limit is None:
            why = getattr(quotas, "problem", "") or f"Service Quotas has no '{quota_name(wanted, use)}'"
            yield Finding(
                f"{step} quota", "warning", why, "The first job will tell; new accounts start at 0 for many."
            )
        else:
            yield Finding(f"{step} quota", "ok", f"{quota_name(wanted, use)}: {limit}")


def _price(prices: PriceList, region: str, instance_type: str, component: str) -> Finding:
    price = prices.hourly(region, instance_type, component)
    if price is None:
        return Finding(
            "price", "warning", f"no price is known of {instance_type} for {component}",
            "Its bill cannot be announced, and no --budget can be held with it.",
        )  # fmt: skip
    text = f"{instance_type} for {component}: {hourly(price.usd_per_hour)} ({price.source})"
    if "did not answer" in price.source or "is not known here" in price.source:
        return Finding(
            "price", "warning", text, "Allow pricing:GetProducts, or reckon with a table that may be old."
        )
    return Finding("price", "ok", text)


def _failed(name: str, error: SageWizardError) -> Finding:
    return Finding(name, "failed", error.message, error.remedy)


def as_text(policy: Mapping[str, Any]) -> str:
    """Write a policy as it goes to IAM, for a person to read first."""
    return json.dumps(policy, indent=2)
