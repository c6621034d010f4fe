"""What a plan of faults may say, and reading one from YAML with the place of whatever is wrong.

A plan has `faults`, each for `calls` or for `jobs` (endpoints among them), and `quotas`. Of the calls or
jobs that match, the first `after` pass, then `times` of them (default: all) are hit, each by chance `rate`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from sagewizard.errors import FaultPlanError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagewizard.yaml_marks import Document, Path

FORMAT_VERSION = 1
WORDS = ("throttled", "unavailable", "internal", "expired-token", "denied")
"""Errors by a word: their code and sentence follow the protocol of the service that is asked."""
DROPS = ("before", "after")
CONSOLE = ("stop-job", "delete-endpoint")
JOBS = ("training", "transform", "processing", "endpoint")
COMPONENTS = (
    "training job", "transform job", "processing job", "endpoint", "spot training job"
)  # fmt: skip
CAPACITY = {
    "endpoint": "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity "
    "error. Please retry using a different ML instance type or after some time.",
    "job": "CapacityError: Unable to provision requested ML compute capacity. Please retry using a different "
    "ML instance type.",
}
"""The failure reasons of SageMaker when there are no machines to be had."""
_MOST_SECONDS = 600.0
_QUOTA = re.compile(rf"(ml\.[a-z0-9-]+\.[a-z0-9-]+) for ({'|'.join(COMPONENTS)}) usage")


@dataclass(frozen=True, slots=True)
class When:
    """Which of the calls that match are hit: not the first `after`, then `times` (None: all), by `rate`."""

    after: int = 0
    times: int | None = None
    rate: float = 1.0


@dataclass(frozen=True, slots=True)
class CallFault:
    """What happens to calls of the operations in `calls` (patterns such as `Describe*` or `s3:PutObject`).

    `error` is one of WORDS or a code; with `latency` (seconds) the call waits first. `drop` closes the
    connection before the call is carried out, or after it, so that its answer is lost. `console` does what
    somebody else does in the console: stop the job, or delete the endpoint, that the call names.
    """

    calls: tuple[str, ...]
    when: When = When()
    error: str = ""
    message: str = ""
    status: int = 0
    latency: float = 0.0
    drop: str = ""
    console: str = ""


@dataclass(frozen=True, slots=True)
class JobFault:
    """What happens to jobs of the kinds in `jobs`, or to endpoints that are created: they fail with a reason.

    Without `fail` it is SageMaker's own for missing capacity. `instance_types` empty: whatever the type.
    """

    jobs: tuple[str, ...]
    when: When = When()
    fail: str = ""
    instance_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole plan; `quotas` are instances by `TYPE for COMPONENT usage`, as Service Quotas names them."""

    faults: tuple[CallFault | JobFault, ...] = ()
    quotas: Mapping[str, int] = field(default_factory=dict)
    seed: int = 0


def read(text: str | bytes, file: str) -> Plan:
    """Read a plan from YAML. Raises FaultPlanError with file, line, column and key."""
    from sagewizard import yaml_marks

    document = yaml_marks.read(text, file, FaultPlanError)
    reader = _Reader(document)
    top = reader.mapping((), document.value, ("format_version", "seed", "faults", "quotas"))
    if top.get("format_version") != FORMAT_VERSION or isinstance(top["format_version"], bool):
        raise document.error(
            "A plan of faults begins with its format version.", ("format_version",),
            remedy=f"Write `format_version: {FORMAT_VERSION}`.",
        )  # fmt: skip
    listed = top.get("faults", [])
    if not isinstance(listed, list):
        raise document.error("faults is not a list.", ("faults",), remedy="Begin each fault with a hyphen.")
    return Plan(
        tuple(reader.fault(("faults", number), entry) for number, entry in enumerate(listed)),
        reader.quotas(("quotas",), top.get("quotas", {})),
        reader.whole(top, (), "seed", 0, 0, 2**31 - 1) or 0,
    )


class _Reader:
    def __init__(self, document: Document) -> None:
        self._document = document

    def fault(self, path: Path, entry: Any) -> CallFault | JobFault:
        if isinstance(entry, dict) and "jobs" in entry:
            given = self.mapping(path, entry, ("jobs", "fail", "instance_types", *_WHEN))
            jobs = self.texts(given, path, "jobs")
            for job in jobs:
                self._one_of((*path, "jobs"), job, JOBS)
            fail = self.text(given, path, "fail")
            return JobFault(jobs, self.when(given, path), fail, self.texts(given, path, "instance_types"))
        keys = ("calls", "error", "message", "status", "latency", "drop", "console", *_WHEN)
        given = self.mapping(path, entry, keys)
        if "calls" not in given:
            raise self._document.error(
                "This fault says neither which calls it is for nor which jobs.", path,
                remedy="Add calls, such as `calls: CreateTrainingJob`, or jobs, such as `jobs: training`.",
            )  # fmt: skip
        fault = CallFault(
            self.texts(given, path, "calls"),
            self.when(given, path),
            self.text(given, path, "error"),
            self.text(given, path, "message"),
            self.whole(given, path, "status", 0, 400, 599) or 0,
            self.number(given, path, "latency", 0.0, _MOST_SECONDS),
            self.text(given, path, "drop"),
            self.text(given, path, "console"),
        )
        if fault.drop:
            self._one_of((*path, "drop"), fault.drop, DROPS)
        if fault.console:
            self._one_of((*path, "console"), fault.console, CONSOLE)
        if fault.error and not re.fullmatch(r"[A-Z][A-Za-z.]+", fault.error):
            self._one_of((*path, "error"), fault.error, WORDS)
        if sum(map(bool, (fault.error, fault.drop, fault.console))) > 1:
            raise self._document.error(
                "Of error, drop and console a fault has one.", path, remedy="Make two faults of it."
            )
        if not (fault.error or fault.drop or fault.console or fault.latency):
            raise self._document.error(
                "This fault does nothing.", path, remedy="Add error, latency, drop or console."
            )
        return fault

    def when(self, given: Mapping[str, Any], path: Path) -> When:
        after = self.whole(given, path, "after", 0, 0, 10**9)
        times = self.whole(given, path, "times", None, 1, 10**9)
        return When(after or 0, times, self.number(given, path, "rate", 1.0, 1.0))

    def quotas(self, path: Path, given: Any) -> dict[str, int]:
        if not isinstance(given, dict):
            raise self._document.error("quotas is no mapping.", path, remedy="Write one quota a line.")
        for name in given:
            if not _QUOTA.fullmatch(name):
                raise self._document.error(
                    f"{name!r} is no quota.", (*path, name), of_key=True,
                    remedy="Write it as Service Quotas does: `ml.m5.large for training job usage: 0`.",
                )  # fmt: skip
            self.whole(given, path, name, 0, 0, 10**6)
        return dict(given)

    def mapping(self, path: Path, value: Any, keys: tuple[str, ...]) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._document.error("A mapping of keys is needed here.", path, remedy=_listed(keys))
        for key in value:
            if key not in keys:
                near = get_close_matches(key, keys, n=1, cutoff=0.5)
                remedy = f"Did you mean {near[0]}?" if near else _listed(keys)
                raise self._document.error(
                    f"There is no key {key!r} here.", (*path, key), remedy=remedy, of_key=True
                )
        return value

    def texts(self, given: Mapping[str, Any], path: Path, key: str) -> tuple[str, ...]:
        value = given.get(key, [])
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(item, str) and item for item in listed):
            raise self._document.error(
                f"{key} is a text or a list of texts.", (*path, key), remedy="Write texts."
            )
        return tuple(listed)

    def text(self, given: Mapping[str, Any], path: Path, key: str) -> str:
        value = given.get(key, "")
        if not isinstance(value, str) or len(value) > 1000:
            raise self._document.error(
                f"{key} is a text of at most 1,000 characters.", (*path, key), remedy="Put it in quotes."
            )
        return value

    def whole(
        self, given: Mapping[str, Any], path: Path, key: str, default: int | None, low: int, high: int
    ) -> int | None:
        value = given.get(key, default)
        if key in given and (
            isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high
        ):
            raise self._document.error(
                f"{key} is {value!r}.", (*path, key), remedy=f"Write a whole number from {low} to {high}."
            )
        return None if value is None else int(value)

    def number(self, given: Mapping[str, Any], path: Path, key: str, default: float, high: float) -> float:
        value = given.get(key, default)
        fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not fits or not 0 <= value <= high:
            raise self._document.error(
                f"{key} is {value!r}.", (*path, key), remedy=f"Write a number from 0 to {high:g}."
            )
        return float(value)

    def _one_of(self, path: Path, value: str, known: tuple[str, ...]) -> None:
        if value not in known:
            near = get_close_matches(value, known, n=1, cutoff=0.5)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise self._document.error(f"{value!r} is not known here.", path, remedy=hint + _listed(known))


_WHEN = ("after", "times", "rate")


def _listed(names: tuple[str, ...]) -> str:
    return f"There are {', '.join(names)}."
