"""What transform and processing jobs have in common: storing them, Describe, List and Stop.

Both are InProgress from their acceptance to their end; the names of their members differ by one word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.control import checks, plain_supervisor, trial_components
from sagewizard.sandbox.control.listing import ListRules, list_resources
from sagewizard.sandbox.control.plain_supervisor import TERMINAL
from sagewizard.sandbox.control.protocol import ResourceInUse, ValidationException
from sagewizard.sandbox.control.resources import AlreadyExists, Resource

if TYPE_CHECKING:
    from sagewizard.sandbox.control.context import Control
    from sagewizard.sandbox.control.plain_supervisor import Plain


@dataclass(frozen=True, slots=True)
class PlainJobs:
    """The operations of one kind of job.

    `echoed` are the members of the request that Describe answers with, `known` those that the job gets while
    it runs; `modified` tells whether Describe shows the time of its last change.
    """

    plain: Plain
    echoed: tuple[str, ...]
    known: tuple[str, ...] = ("FailureReason",)
    modified: bool = False

    def create(
        self,
        control: Control,
        region: str,
        name: str,
        body: dict[str, Any],
        tags: list[dict[str, str]],
    ) -> dict[str, Any]:
        """Store a job that was checked as InProgress, and have it run."""
        try:
            job = control.repository.create(region, self.plain.kind, name, "InProgress", body, tags)
        except AlreadyExists as taken:
            raise ResourceInUse(
                "Job name must be unique within an AWS account and region, and a job with this name already"
                f" exists ({taken.resource.arn})"
            ) from None
        trial_components.track(control, job)
        plain_supervisor.submit(control, job, self.plain)
        return {f"{self.plain.word}JobArn": job.arn}

    def describe(self, control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
        """Answer everything known of a job."""
        job = checks.found(control, region, self.plain.kind, request[f"{self.plain.word}JobName"])
        output = self._names(job)
        if self.modified:
            output["LastModifiedTime"] = job.modified
        given = job.body["request"]
        output |= {member: given[member] for member in self.echoed if member in given}
        return output | self._met(job, f"{self.plain.word}StartTime")

    def list(self, control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
        """Answer one page of jobs."""
        member = f"{self.plain.word}JobSummaries"
        rules = ListRules(self.plain.kind, member, self._summary, inclusive_after=False)
        return list_resources(control.repository, region, request, rules)

    def stop(self, control: Control, region: str, request: dict[str, Any]) -> Resource:
        """Ask a running job to stop; Missing when there is none."""
        word = self.plain.word.lower()

        def stopping(job: Resource) -> bool:
            if job.status in TERMINAL:
                raise ValidationException(
                    f"The request was rejected because the {word} job is in status {job.status}"
                )
            changed = job.status != "Stopping"
            job.status = "Stopping"
            return changed

        name = request[f"{self.plain.word}JobName"]
        job = control.repository.change(region, self.plain.kind, name, stopping)
        control.jobs.stop((region, self.plain.kind, job.name))
        return job

    def _names(self, job: Resource) -> dict[str, Any]:
        word = self.plain.word
        return {
            f"{word}JobName": job.name,
            f"{word}JobArn": job.arn,
            f"{word}JobStatus": job.status,
            "CreationTime": job.created,
        }

    def _met(self, job: Resource, *more: str) -> dict[str, Any]:
        members = (f"{self.plain.word}EndTime", *self.known, *more)
        return {member: job.body[member] for member in members if member in job.body}

    def _summary(self, job: Resource) -> dict[str, Any]:
        return self._names(job) | {"LastModifiedTime": job.modified} | self._met(job)
