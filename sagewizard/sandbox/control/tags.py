"""AddTags, ListTags and DeleteTags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.control import checks
from sagewizard.sandbox.control.listing import BAD_PAGE
from sagewizard.sandbox.control.protocol import ValidationException
from sagewizard.sandbox.control.resources import (
    ARTIFACT,
    ENDPOINT,
    ENDPOINT_CONFIG,
    EXPERIMENT,
    MODEL,
    PROCESSING_JOB,
    TRAINING_JOB,
    TRANSFORM_JOB,
    TRIAL,
    TRIAL_COMPONENT,
    TUNING_JOB,
)

if TYPE_CHECKING:
    from sagewizard.sandbox.control.context import Control

_JOBS = (PROCESSING_JOB, TRAINING_JOB, TRANSFORM_JOB, TUNING_JOB)
_KINDS = (*_JOBS, MODEL, ENDPOINT_CONFIG, ENDPOINT, EXPERIMENT, TRIAL, TRIAL_COMPONENT, ARTIFACT)
_PAGE = 50


def add_tags(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Add or overwrite tags; the answer has the tags that were given, as the service's does."""
    given = checks.tags(request["Tags"])
    arn = _taggable(control, region, request["ResourceArn"])
    control.repository.add_tags(arn, given, checks.count_tags)
    return {"Tags": given}


def list_tags(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Answer one page of tags, 50 unless MaxResults says more."""
    arn = _taggable(control, region, request["ResourceArn"])
    present = control.repository.tags(arn)
    start, size = 0, request.get("MaxResults", _PAGE)
    if request.get("NextToken"):
        text = request["NextToken"]
        if text not in {str(number) for number in range(1, len(present) + 1)}:
            raise ValidationException(BAD_PAGE)
        start = int(text)
    output: dict[str, Any] = {"Tags": present[start : start + size]}
    if start + size < len(present):
        output["NextToken"] = str(start + size)
    return output


def delete_tags(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags by key."""
    control.repository.delete_tags(_taggable(control, region, request["ResourceArn"]), request["TagKeys"])
    return {}


def _taggable(control: Control, region: str, arn: str) -> str:
    """Return the ARN as it is stored, or raise the error that its kind has for something not there."""
    head, _, rest = arn.partition("/")
    kind = head.rpartition(":")[2]
    if kind not in _KINDS or not rest:
        raise ValidationException(f"The sandbox has no resource of the kind named by the ARN {arn}.")
    stored = control.repository.arn(arn.split(":")[3], kind, rest)
    if stored.partition("/")[0] != head or control.repository.by_arn(stored) is None:
        raise checks.not_found(kind, arn, rest)
    return stored
