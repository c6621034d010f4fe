"""Writes recorded API calls as a Python script with boto3, with the real values of the run."""

from __future__ import annotations

import keyword
import pprint
import re
from typing import TYPE_CHECKING, Any

from sagewizard.mask import MASK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagewizard.events import ApiCalled

_CUT = re.compile(r"\.\.\. \(([\d,]+) more(?: characters)?\)$|^<[\d,]+ bytes>$")
_READS = ("Describe", "List", "Get", "Head")


def script(calls: Sequence[ApiCalled], *, step: str = "", region: str = "") -> str:
    """Return a script that makes the calls again in their order; "" when there are none.

    Calls that failed stand there as comments. Values that were masked or cut when they were recorded are
    marked, since the script cannot run before they are put back.
    """
    if not calls:
        return ""
    services = list(dict.fromkeys(call.service for call in calls))
    lines = [f'"""The step {step} as boto3 calls, with the values of the run."""' if step else "", ""]
    lines += ["import boto3", ""]
    place = f', region_name="{region}"' if region else ""
    lines += [f'{_variable(service)} = boto3.client("{service}"{place})' for service in services]
    for call in calls:
        lines += ["", *_call(call)]
    return "\n".join(lines).lstrip("\n") + "\n"


def _call(call: ApiCalled) -> list[str]:
    text = f"{_variable(call.service)}.{_method(call.operation)}("
    arguments = []
    for name, value in call.request.items():
        shown = pprint.pformat(value, width=88, sort_dicts=False)
        shown = shown.replace("\n", "\n    ")
        mark = "  # shortened here: put the whole value back" if _shortened(value) else ""
        if name.isidentifier() and not keyword.iskeyword(name):
            arguments.append(f"    {name}={shown},{mark}")
        else:
            arguments.append(f"    **{{{name!r}: {shown}}},{mark}")
    lines = [text, *arguments, ")"] if arguments else [text + ")"]
    reads = call.operation.startswith(_READS)
    if reads:
        lines[0] = f"answer = {lines[0]}"
    if not call.error_code:
        return "\n".join(lines).split("\n")
    failed = [f"# This call failed with {call.error_code}:"]
    return failed + [f"# {line}" for line in "\n".join(lines).split("\n")]


def _shortened(value: Any) -> bool:
    if isinstance(value, str):
        return value == MASK or bool(_CUT.search(value))
    if isinstance(value, dict):
        return any(_shortened(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(_shortened(item) for item in value)
    return False


def _variable(service: str) -> str:
    return re.sub(r"\W", "_", service)


def _method(operation: str) -> str:
    """Write an operation as boto3 names it: `CreateTrainingJob` is `create_training_job`."""
    partial = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", operation)
    return re.sub(r"([a-z\d])([A-Z])", r"\1_\2", partial).lower()
