"""Answers EventBridge Scheduler's operations on schedules (REST-JSON, 2021-06-30) from the sandbox's own.

One group, `default`; one-time schedules whose universal target is an operation of SageMaker. What AWS has
beyond that is refused when the schedule is made, so that none is accepted that would never fire.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from werkzeug import Response

from sagewizard.sandbox.gateway.errors import AwsError
from sagewizard.sandbox.schedules import TARGET_PREFIX, ExpressionError, Schedule, moment

if TYPE_CHECKING:
    from werkzeug import Request

    from sagewizard.sandbox.schedules import Schedules

GROUP: Final = "default"
_NAME: Final = re.compile(r"[0-9a-zA-Z-_.]{1,64}")
_ROLE: Final = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+")
_KEPT: Final = (
    "ActionAfterCompletion", "Description", "EndDate", "FlexibleTimeWindow", "KmsKeyArn",
    "ScheduleExpression", "ScheduleExpressionTimezone", "StartDate", "State", "Target",
)  # fmt: skip
_PAGE: Final = 50
_MOST_PAGE: Final = 100


class SchedulerFront:
    """Creates, shows, changes, deletes and lists schedules."""

    def __init__(self, schedules: Schedules, account_id: str) -> None:
        self._schedules = schedules
        self._account = account_id

    def handle(self, request: Request) -> Response | None:
        """Answer an operation on schedules; None for all else that Scheduler has. Raises AwsError."""
        path = str(request.environ["REQUEST_URI"]).partition("?")[0]
        if path == "/schedules" and request.method == "GET":
            return self._list(request)
        if not path.startswith("/schedules/"):
            return None
        name, region = unquote(path.removeprefix("/schedules/")), request.environ["sagewizard.region"]
        if not _NAME.fullmatch(name):
            raise _invalid(f"The name {name[:64]!r} is not one of a schedule: 1 to 64 of a-z A-Z 0-9 - _ .")
        if request.method in ("POST", "PUT"):
            return self._put(request, name, region, new=request.method == "POST")
        _check_group(request.args.get("groupName", GROUP))
        found = self._schedules.find(region, name)
        if request.method == "GET" and found is not None:
            return _answer({**self._fields(found), **found.body, "State": found.body.get("State", "ENABLED")})
        if request.method == "DELETE" and found is not None and self._schedules.delete(region, name):
            return _answer({})
        if request.method in ("GET", "DELETE"):
            raise _missing(name)
        return None

    def _put(self, request: Request, name: str, region: str, *, new: bool) -> Response:
        body = _body(request)
        _check_group(body.get("GroupName", GROUP))
        kept = {member: body[member] for member in _KEPT if body.get(member) is not None}
        _check(kept)
        if not self._schedules.put(region, name, kept, new=new):
            if new:
                raise AwsError("ConflictException", f"Schedule {name} already exists.", 409)
            raise _missing(name)
        return _answer({"ScheduleArn": self._arn(region, name)})

    def _list(self, request: Request) -> Response:
        _check_group(request.args.get("ScheduleGroup", GROUP))
        size = request.args.get("MaxResults", str(_PAGE))
        if not size.isdecimal() or not 1 <= int(size) <= _MOST_PAGE:
            raise _invalid(f"MaxResults is a number from 1 to {_MOST_PAGE}.")
        found = self._schedules.listed(
            request.environ["sagewizard.region"], request.args.get("NamePrefix", ""),
            request.args.get("NextToken", ""),
        )  # fmt: skip
        state = request.args.get("State")
        found = [one for one in found if state in (None, one.body.get("State", "ENABLED"))]
        page = found[: int(size)]
        fields = [
            {
                **self._fields(one),
                "State": one.body.get("State", "ENABLED"),
                "Target": {"Arn": one.body["Target"]["Arn"]},
            }
            for one in page
        ]
        more = {"NextToken": page[-1].name} if len(found) > len(page) else {}
        return _answer({"Schedules": fields, **more})

    def _fields(self, found: Schedule) -> dict[str, Any]:
        return {
            "Arn": self._arn(found.region, found.name),
            "GroupName": GROUP,
            "Name": found.name,
            "CreationDate": found.created,
            "LastModificationDate": found.modified,
        }

    def _arn(self, region: str, name: str) -> str:
        return f"arn:aws:scheduler:{region}:{self._account}:schedule/{GROUP}/{name}"


def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(request.get_data() or b"{}")
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise AwsError("SerializationException", "The body of the request is no JSON object.")
    return body


def _check(body: dict[str, Any]) -> None:
    for member in ("ScheduleExpression", "Target", "FlexibleTimeWindow"):
        if member not in body:
            raise _invalid(
                f"1 validation error detected: Value null at '{member[0].lower()}{member[1:]}' failed to"
                " satisfy constraint: Member must not be null"
            )
    target, window = body["Target"], body["FlexibleTimeWindow"]
    if not isinstance(target, dict) or not isinstance(window, dict):
        raise AwsError("SerializationException", "Target and FlexibleTimeWindow are JSON objects.")
    if window.get("Mode") not in ("OFF", "FLEXIBLE"):
        raise _invalid("FlexibleTimeWindow.Mode is OFF or FLEXIBLE.")
    if body.get("State", "ENABLED") not in ("ENABLED", "DISABLED"):
        raise _invalid("State is ENABLED or DISABLED.")
    if body.get("ActionAfterCompletion", "NONE") not in ("NONE", "DELETE"):
        raise _invalid("ActionAfterCompletion is NONE or DELETE.")
    arn = str(target.get("Arn", ""))
    if not arn.startswith(TARGET_PREFIX) or not arn.removeprefix(TARGET_PREFIX).isalpha():
        raise _invalid(
            f"Provided Arn {arn[:200]} is no target that the sandbox carries out; it carries out universal"
            f" targets of SageMaker, such as {TARGET_PREFIX}deleteEndpoint."
        )
    if not _ROLE.fullmatch(str(target.get("RoleArn", ""))):
        raise _invalid("Target.RoleArn is the ARN of a role that scheduler.amazonaws.com may take on.")
    try:
        if not isinstance(json.loads(target.get("Input") or "{}"), dict):
            raise ValueError
    except (TypeError, ValueError):
        raise _invalid("Target.Input is no JSON object.") from None
    try:
        moment(str(body["ScheduleExpression"]), str(body.get("ScheduleExpressionTimezone", "UTC")))
    except ExpressionError as error:
        raise _invalid(str(error)) from None


def _check_group(name: object) -> None:
    if name != GROUP:
        raise AwsError("ResourceNotFoundException", f"Schedule group {name} does not exist.", 404)


def _missing(name: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Schedule {name} does not exist.", 404)


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def _answer(fields: dict[str, Any]) -> Response:
    return Response(json.dumps(fields), content_type="application/json")
