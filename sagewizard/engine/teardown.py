"""Deletes what runs have made, in order, until the target says that it is gone; names what cannot be.

Works from the ledger, so it finds intents of a crash, too: what was never made is closed as such. Used by
the step `teardown`, by a run that starts again at an earlier step, and by `sagewizard teardown`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sagewizard.engine.api import Api, error_message, is_missing
from sagewizard.engine.ledger import Entry, Ledger, teardown_order
from sagewizard.engine.waiting import wait_until
from sagewizard.errors import CancelledError, SageWizardError
from sagewizard.events import Event, JobStatusChanged, ResourceDeleted, ResourceDeletionFailed

if TYPE_CHECKING:
    import threading

    from sagewizard.clock import Clock
    from sagewizard.engine.context import RunContext
    from sagewizard.engine.costs import CostMeter
    from sagewizard.target import Target

Emit = Callable[..., None]
ENDED = ("Completed", "Failed", "Stopped")
THERE, OVER = "there", "over"
TUNING = (
    "HyperParameterTuningJob",
    "DescribeHyperParameterTuningJob",
    "HyperParameterTuningJobName",
    "HyperParameterTuningJobStatus",
)
WAIT_LIMIT = 1800.0
# What was asked for so many seconds ago and is not found will not come any more.
SETTLING = 10.0


@dataclass
class TeardownReport:
    """What came out: rows that are gone, and rows that are not, each with the reason."""

    deleted: list[Entry] = field(default_factory=list)
    failed: list[tuple[Entry, str]] = field(default_factory=list)

    @property
    def hourly_usd(self) -> float:
        """What goes on costing each hour."""
        return sum(entry.hourly_usd or 0.0 for entry, _reason in self.failed)


@dataclass
class Teardown:
    """Takes down rows of the ledger that belong to one target."""

    target: Target
    api: Api
    ledger: Ledger
    clock: Clock
    cancel: threading.Event
    emit: Callable[..., None]
    meter: CostMeter | None = None

    def delete(self, entries: Iterable[Entry]) -> TeardownReport:
        """Delete all of them; one that fails does not keep the others from being deleted."""
        report = TeardownReport()
        for entry in teardown_order(list(entries)):
            try:
                note = self._delete(entry)
            except CancelledError:
                raise
            except Exception as error:
                reason = self._reason(error)
                report.failed.append((entry, reason))
                self._tell(
                    ResourceDeletionFailed,
                    resource=entry.kind,
                    name=entry.name,
                    message=reason,
                    hourly_usd=entry.hourly_usd,
                )
                continue
            self.ledger.deleted(entry.id, now=self.clock.now(), note=note)
            if self.meter is not None:
                self.meter.stop(entry.kind, entry.name)
            report.deleted.append(entry)
            self._tell(ResourceDeleted, resource=entry.kind, name=entry.name)
        return report

    def still_there(self, entry: Entry) -> bool:
        """Ask the target whether a row's resource exists, and for a job whether it runs."""
        return self.look(entry) == THERE

    def look(self, entry: Entry) -> str | None:
        """Ask the target for a row's resource: THERE, OVER for a job that has ended, None when not found."""
        match entry.kind:
            case "training-job":
                return _work(
                    self._status(entry, "DescribeTrainingJob", "TrainingJobName", "TrainingJobStatus")
                )
            case "tuning-job":
                return _work(self._status(entry, *TUNING[1:]))
            case "transform-job":
                return _work(
                    self._status(entry, "DescribeTransformJob", "TransformJobName", "TransformJobStatus")
                )
            case "endpoint":
                return _thing(self._status(entry, "DescribeEndpoint", "EndpointName", "EndpointStatus"))
            case "schedule":
                return self._status(entry, "GetSchedule", "Name", "", service="scheduler")
            case "endpoint-config":
                return self._status(entry, "DescribeEndpointConfig", "EndpointConfigName", "")
            case "model":
                return self._status(entry, "DescribeModel", "ModelName", "")
            case "s3-prefix":
                return THERE if self._objects(entry, 1) else None
        raise SageWizardError(
            f"The ledger has a {entry.kind}, which this version does not know.", remedy="Update sagewizard."
        )

    def _delete(self, entry: Entry) -> str:
        match entry.kind:
            case "training-job":
                return self._stop(
                    entry, "TrainingJob", "DescribeTrainingJob", "TrainingJobName", "TrainingJobStatus"
                )
            case "tuning-job":
                # Stopping it stops its training jobs, and it has ended when the last of them has.
                note = self._stop(entry, *TUNING)
                self._stop_meters(entry)
                return note
            case "transform-job":
                return self._stop(
                    entry, "TransformJob", "DescribeTransformJob", "TransformJobName", "TransformJobStatus"
                )
            case "endpoint":
                return self._endpoint(entry)
            case "schedule":
                return self._simple(entry, "DeleteSchedule", "Name", service="scheduler")
            case "endpoint-config":
                return self._simple(entry, "DeleteEndpointConfig", "EndpointConfigName")
            case "model":
                return self._simple(entry, "DeleteModel", "ModelName")
            case "s3-prefix":
                return self._empty(entry)
        raise SageWizardError(
            f"The ledger has a {entry.kind}, which this version does not know.", remedy="Update sagewizard."
        )

    def _simple(self, entry: Entry, operation: str, member: str, *, service: str = "sagemaker") -> str:
        if self._ask(entry, lambda: self.look(entry)) is None:
            return "never made" if entry.created is None else "gone already"
        try:
            self.api(service, operation, **_named(member, entry))
        except Exception as error:
            if not is_missing(error):
                raise
        self._until_gone(entry)
        return "deleted"

    def _ask(self, entry: Entry, look: Callable[[], str | None]) -> str | None:
        """Look for a resource; while its call may still be on its way, None is no answer yet."""
        found = look()
        made = entry.created or entry.intended
        while found is None and self.clock.now() - made < SETTLING:
            if self.clock.wait(self.cancel, 1.0):
                raise CancelledError("The run was cancelled.")
            found = look()
        return found

    def _endpoint(self, entry: Entry) -> str:
        def look() -> str | None:
            return self._status(entry, "DescribeEndpoint", "EndpointName", "EndpointStatus")

        status = self._ask(entry, look)
        if status is None:
            return "never made" if entry.created is None else "gone already"
        if status in ("Creating", "Updating", "SystemUpdating", "RollingBack"):
            # SageMaker refuses to delete an endpoint while it changes.
            def settled(now: str | None) -> bool:
                return now not in ("Creating", "Updating", "SystemUpdating", "RollingBack")

            status = self._wait(look, settled, entry)
        if status is not None and status != "Deleting":
            try:
                self.api("sagemaker", "DeleteEndpoint", EndpointName=entry.name)
            except Exception as error:
                # A second try, after the answer to the first was lost, is refused: it is being deleted.
                if not is_missing(error) and look() not in (None, "Deleting"):
                    raise
        self._until_gone(entry)
        return "deleted"

    def _stop(self, entry: Entry, noun: str, describe: str, member: str, status_member: str) -> str:
        status = self._ask(entry, lambda: self._status(entry, describe, member, status_member))
        if status is None:
            return "never made"
        if status in ENDED:
            return f"ended: {status}"
        if status != "Stopping":
            try:
                self.api("sagemaker", f"Stop{noun}", **_named(member, entry))
            except Exception:
                # Refused because it has ended since the look before, or because a first try, whose answer
                # was lost, has stopped it.
                status = self._status(entry, describe, member, status_member)
                if status not in (None, "Stopping", *ENDED):
                    raise
                if status != "Stopping":
                    return f"ended: {status}"
            self._tell(JobStatusChanged, resource=entry.kind, name=entry.name, status="Stopping")
        ended = self._wait(
            lambda: self._status(entry, describe, member, status_member),
            lambda now: now is None or now in ENDED,
            entry,
        )
        return f"ended: {ended}"

    def _stop_meters(self, entry: Entry) -> None:
        for item in self.meter.items() if self.meter is not None else ():
            if item.kind == "training-job" and item.running and item.name.startswith(f"{entry.name}-"):
                self.meter.stop(item.kind, item.name)  # type: ignore[union-attr]

    def _objects(self, entry: Entry, limit: int) -> list[str]:
        bucket, _, prefix = entry.name.removeprefix("s3://").partition("/")
        try:
            answer = self.api("s3", "ListObjectsV2", show=False, Bucket=bucket, Prefix=prefix, MaxKeys=limit)
        except Exception as error:
            if is_missing(error):
                return []
            raise
        return [item["Key"] for item in answer.get("Contents", [])]

    def _empty(self, entry: Entry) -> str:
        bucket, _, prefix = entry.name.removeprefix("s3://").partition("/")
        # The prefix is the run's own; one that is not would take other people's objects with it.
        if prefix != f"sagewizard/{entry.run_id}/":
            raise SageWizardError(
                f"The prefix {entry.name} is not the run's own.", remedy="Look at it by hand."
            )
        while keys := self._objects(entry, 1000):
            answer = self.api(
                "s3",
                "DeleteObjects",
                Bucket=bucket,
                Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True},
            )
            problems = answer.get("Errors", [])
            if problems:
                first = problems[0]
                raise SageWizardError(
                    f"{len(problems)} objects could not be deleted, the first is {first.get('Key')}:"
                    f" {first.get('Message', first.get('Code'))}",
                    remedy="Check the permissions on the bucket.",
                )
        return "deleted"

    def _status(
        self, entry: Entry, operation: str, member: str, status: str, *, service: str = "sagemaker"
    ) -> str | None:
        try:
            answer: dict[str, Any] = self.api(service, operation, show=False, **_named(member, entry))
        except Exception as error:
            if is_missing(error):
                return None
            raise
        return str(answer[status]) if status else THERE

    def _until_gone(self, entry: Entry) -> None:
        self._wait(lambda: self.still_there(entry), lambda there: not there, entry)

    def _wait(self, look: Callable[[], Any], done: Callable[[Any], bool], entry: Entry) -> Any:
        return wait_until(
            look,
            done,
            clock=self.clock,
            cancel=self.cancel,
            every=self.target.poll_seconds,
            limit=WAIT_LIMIT,
            what=f"Deleting {entry.kind} {entry.name}",
            remedy="Run `sagewizard teardown` again.",
        )

    def _reason(self, error: Exception) -> str:
        if isinstance(error, SageWizardError):
            return error.message
        return error_message(error)

    def _tell(self, event_type: type[Event], **fields: Any) -> None:
        self.emit(event_type, **fields)


def _thing(status: str | None) -> str | None:
    return None if status is None else THERE


def _work(status: str | None) -> str | None:
    return OVER if status in ENDED else _thing(status)


def teardown_of(context: RunContext) -> Teardown:
    """Return what takes down rows of a run that is at work."""
    return Teardown(
        context.target, context.api, context.ledger, context.clock, context.cancel, context.emit,
        context.meter,
    )  # fmt: skip


def _named(member: str, entry: Entry) -> dict[str, Any]:
    return {member: entry.name}
