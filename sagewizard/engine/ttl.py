"""Owns `deploy.ttl`: an endpoint deletes itself a while after its last use, whatever becomes of this machine.

A one-time schedule of EventBridge Scheduler, one an endpoint, calls DeleteEndpoint as its universal target.
It is made before the endpoint, put off while the endpoint is used, and goes with it. Where the schedule
cannot be made, the run stops before it makes the endpoint, or goes on without as it was told to, and says so.
"""

from __future__ import annotations

import json
import math
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sagewizard import boto_errors
from sagewizard.engine.api import error_code, is_missing
from sagewizard.engine.teardown import teardown_of
from sagewizard.errors import ScheduleError, UsageError
from sagewizard.outcome_events import DeletionScheduled
from sagewizard.recipe.step_options import NEVER, TTL_ROLE
from sagewizard.render.units import clock_time, duration

if TYPE_CHECKING:
    from sagewizard.engine.context import RunContext
    from sagewizard.engine.ledger import Entry
    from sagewizard.engine.state import RunState
    from sagewizard.recipe.recipe import Recipe

KIND: Final = "schedule"
ROLE_NAME: Final = TTL_ROLE
UNIVERSAL_TARGET: Final = "arn:{partition}:scheduler:::aws-sdk:sagemaker:deleteEndpoint"
SHORTEST_SECONDS: Final = 60.0
"""EventBridge Scheduler looks at its schedules once a minute; the sandbox's looks when one is due."""

LONGEST_SECONDS: Final = 30 * 86_400.0
RENEW_SECONDS: Final = 60.0
"""Between two renewals: an endpoint that answers all the time is put off once a minute."""

CREATION_SECONDS: Final = 2700.0
"""Until an endpoint is InService or has failed; before that SageMaker refuses to delete it."""

REMEDY: Final = (
    "Make the role with `sagewizard doctor --target aws --create-ttl-role`, allow scheduler:CreateSchedule"
    " and iam:PassRole on it, or go on without: --ttl-else continue, or no --ttl."
)
OTHERWISE: Final = ("stop", "continue")
_PARTS: Final = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?:in)?)?(?:(\d+)s)?")


@dataclass(frozen=True, slots=True)
class Ttl:
    """How long after its last use an endpoint goes, in seconds; what to do where that cannot be; the role.

    The role is a name or an ARN, "" for the one that the doctor makes.
    """

    seconds: float
    otherwise: str = "stop"
    role: str = ""

    @property
    def settings(self) -> dict[str, str]:
        """The same as options of a recipe."""
        found = {"deploy.ttl": written(self.seconds), "deploy.ttl_else": self.otherwise}
        return found | ({"deploy.ttl_role": self.role} if self.role else {})


def of_recipe(recipe: Recipe) -> Ttl | None:
    """Return what a recipe says of its endpoint's end; None when it stays, or when there is none."""
    length = recipe.value("deploy.ttl") if "deploy" in recipe.steps else None
    if length is None or length == NEVER:
        return None
    role = str(recipe.value("deploy.ttl_role"))
    otherwise = str(recipe.value("deploy.ttl_else"))
    return Ttl(parse(str(length)), otherwise, "" if role == ROLE_NAME else role)


def kept(recipe: Recipe, state: RunState | None) -> Recipe:
    """Return the recipe of a run that goes on: where it says nothing of its endpoint's end, as it was."""
    if state is None or state.ttl is None or "deploy.ttl" in recipe.settings:
        return recipe
    return recipe.with_settings(Ttl(state.ttl, state.ttl_else, state.ttl_role).settings)


def said(recipe: Recipe, state: RunState | None) -> Recipe:
    """Return the recipe of a run that goes on, whose settings are all there are: none means never."""
    if state is None or state.ttl is None or "deploy.ttl" in recipe.settings:
        return recipe
    return recipe.with_settings({"deploy.ttl": NEVER})


def take(state: RunState, recipe: Recipe) -> None:
    """Enter into the state of a run what its recipe says now."""
    found = of_recipe(recipe)
    state.ttl = None if found is None else found.seconds
    state.ttl_else, state.ttl_role = ("stop", "") if found is None else (found.otherwise, found.role)


def parse(text: str) -> float:
    """Read `2h`, `90m`, `1h30m`, `2d` or `90s` as seconds. Raises UsageError for anything else."""
    found = _PARTS.fullmatch(text.strip().lower().replace(" ", ""))
    parts = [int(part or 0) for part in found.groups()] if found else []
    seconds = sum(
        number * unit for number, unit in zip(parts, (86_400, 3_600, 60, 1), strict=False)
    )  # fmt: skip
    if not seconds:
        raise UsageError(f"{text!r} is no length of time.", remedy="Write it as 2h, 90m, 1h30m or 90s.")
    return float(seconds)


def written(seconds: float) -> str:
    """Write a length of time as `parse` reads it: 2h, 1h30m, 90s."""
    left, text = math.ceil(seconds), ""
    for letter, unit in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, left = divmod(left, unit)
        text += f"{count}{letter}" if count else ""
    return text


def check(seconds: float, *, simulated: bool) -> None:
    """Refuse a length of time that no schedule can keep; the sandbox takes seconds, to see one fire."""
    if not math.isfinite(seconds) or seconds <= 0 or seconds > LONGEST_SECONDS:
        raise UsageError(
            "The time after which an endpoint deletes itself is out of range.", remedy="At most 30d."
        )
    if seconds < SHORTEST_SECONDS and not simulated:
        raise UsageError(
            f"A schedule on AWS is exact to a minute, so {duration(seconds)} is too short.",
            remedy="Give at least --ttl 1m; the sandbox takes seconds.",
        )


def role_arn(account: str, region: str, role: str = "") -> str:
    """Return the ARN of the role that schedules run under: by its name, or the one of the doctor."""
    if role.startswith("arn:"):
        return role
    return f"arn:{partition(region)}:iam::{account}:role/{role or ROLE_NAME}"


def partition(region: str) -> str:
    """Return the part of AWS that a region is in, as ARNs begin."""
    for prefix, name in (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov")):
        if region.startswith(prefix):
            return name
    return "aws"


def arrange(context: RunContext, endpoint: str, *, there: bool = False) -> None:
    """Make the schedule of an endpoint that is about to be made (or is `there`), or put off what it has.

    Raises ScheduleError where it is not allowed and the run is to stop then.
    """
    if context.state.ttl is None:
        return
    known = _row(context, endpoint)
    entry = context.intend(KIND, endpoint)
    try:
        seconds = context.state.ttl + (0.0 if there else CREATION_SECONDS)
        arn = _put(context, endpoint, seconds, new=known is None, tell=there)
    except Exception as error:
        if not error_code(error):
            raise
        context.not_made(entry, error)
        _cannot(context, endpoint, error, there=there)
        return
    if entry.created is None:
        context.made(entry, arn)


def renew(context: RunContext, endpoint: str, *, now: bool = False) -> None:
    """Put off the end of an endpoint that is used, at most once a minute unless `now`."""
    ttl, until = context.state.ttl, context.state.ttl_until.get(endpoint)
    if ttl is None or _row(context, endpoint) is None:
        return
    wanted = context.clock.now() + ttl
    if not now and until is not None and abs(wanted - until) < RENEW_SECONDS:
        return
    try:
        _put(context, endpoint, ttl, new=False)
    except Exception as error:
        if not error_code(error):
            raise
        if is_missing(error):
            return  # There is no endpoint any more; whoever asks it is told so.
        when = f" It ends at {clock_time(until)}." if until else ""
        why = boto_errors.translate(error).message
        context.warn(f"The end of {endpoint} could not be put off: {why}.{when}")


def renew_all(context: RunContext, *, now: bool = False) -> None:
    """Put off the end of all endpoints of a run that goes on; those without a schedule get one.

    Where they are to stay from now on, their schedules are deleted.
    """
    if context.state.ttl is None:
        rows = [row for row in context.ledger.alive(run_id=context.run_id) if row.kind == KIND]
        if rows:
            teardown_of(context).delete(rows)
            context.state.ttl_until.clear()
            context.save()
        return
    for entry in context.ledger.alive(run_id=context.run_id):
        if entry.kind != "endpoint" or entry.created is None or not _there(context, entry.name):
            continue
        if _row(context, entry.name) is None:
            arrange(context, entry.name, there=True)
        renew(context, entry.name, now=now)


def fires_at(context: RunContext, endpoint: str) -> float | None:
    """Return when an endpoint was last told to delete itself, None without a schedule."""
    return context.state.ttl_until.get(endpoint)


def words(context: RunContext, endpoint: str) -> str:
    """Say when an endpoint deletes itself, to follow a summary; "" when it was not asked to."""
    until = fires_at(context, endpoint)
    if context.state.ttl is None:
        return ""
    if until is None:
        return "; it will not delete itself"
    return f"; deletes itself {duration(context.state.ttl)} after its last use (now {clock_time(until)})"


def _row(context: RunContext, endpoint: str) -> Entry | None:
    rows = context.ledger.alive(run_id=context.run_id)
    return next((row for row in rows if row.kind == KIND and row.name == endpoint), None)


def _there(context: RunContext, endpoint: str) -> bool:
    try:
        context.api("sagemaker", "DescribeEndpoint", show=False, EndpointName=endpoint)
    except Exception as error:
        if is_missing(error):
            return False
        raise
    return True


def _put(context: RunContext, endpoint: str, seconds: float, *, new: bool, tell: bool = True) -> str:
    """Make the schedule, or put it off; whichever it is not yet. Returns its ARN."""
    moment = math.ceil(context.clock.now() + seconds)
    request = schedule_request(context, endpoint, moment)
    try:
        answer = context.api("scheduler", "CreateSchedule" if new else "UpdateSchedule", **request)
    except Exception as error:
        if new and error_code(error) == "ConflictException":
            answer = context.api("scheduler", "UpdateSchedule", **request)
        elif not new and is_missing(error) and _there(context, endpoint):
            # It was deleted by hand, or has fired while the endpoint could not be deleted.
            answer = context.api("scheduler", "CreateSchedule", **request)
        else:
            raise
    context.state.ttl_until[endpoint] = float(moment)
    context.save()
    if tell:  # until there is an endpoint, its end is of no use to anybody
        context.emit(
            DeletionScheduled, endpoint=endpoint, at=float(moment), after=context.state.ttl, step=context.step
        )
    return str(answer["ScheduleArn"])


def schedule_request(context: RunContext, endpoint: str, moment: float) -> dict[str, Any]:
    """Return the parameters of CreateSchedule; schedules carry no tags, so the run is in the description."""
    target = context.target
    return {
        "Name": endpoint,
        "Description": f"Deletes the endpoint of the sagewizard run {context.run_id}",
        "ScheduleExpression": f"at({time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(moment))})",
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "Target": {
            "Arn": UNIVERSAL_TARGET.format(partition=partition(target.region)),
            "RoleArn": role_arn(target.account_id, target.region, context.state.ttl_role),
            "Input": json.dumps({"EndpointName": endpoint}),
        },
    }


def _cannot(context: RunContext, endpoint: str, error: Exception, *, there: bool) -> None:
    why = boto_errors.translate(error, region=context.target.region).message
    if context.state.ttl_else == "continue":
        context.warn(
            f"{endpoint} will not delete itself: {why}. It stays, and costs money, until it is torn down."
        )
        return
    words = "will not delete itself; it stays" if there else "would not delete itself, so it was not made"
    raise ScheduleError(f"The endpoint {words}: {why}.", remedy=REMEDY) from error
