"""Artifacts and associations: which file went into a run or came out of it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import orjson

from sagewizard.sandbox.control import checks
from sagewizard.sandbox.control.listing import ListRules, list_resources
from sagewizard.sandbox.control.protocol import ResourceNotFound, ValidationException
from sagewizard.sandbox.control.resources import ARTIFACT, ASSOCIATION, AlreadyExists, Missing, Resource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagewizard.sandbox.control.context import Control

_ECHOED = ("ArtifactName", "Source", "ArtifactType", "Properties", "MetadataProperties")
_EDGE = ("SourceArn", "DestinationArn", "AssociationType")


def _digest(value: Any) -> str:
    return hashlib.md5(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), usedforsecurity=False).hexdigest()


def create_artifact(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Store an artifact; one of the same source and type is refused, as the service does."""
    tags = checks.tags(request.pop("Tags", None))
    name = _digest([request["Source"], request["ArtifactType"]])
    try:
        made = control.repository.create(region, ARTIFACT, name, "", request, tags)
    except AlreadyExists as taken:
        raise ValidationException(
            f"Artifact with source uri and type already exists: {taken.resource.arn}"
        ) from None
    return {"ArtifactArn": made.arn}


def _artifact(control: Control, arn: str) -> Resource:
    found = control.repository.by_arn(arn)
    if found is None or found.kind != ARTIFACT:
        raise checks.not_found(ARTIFACT, arn, arn)
    return found


def _times(resource: Resource) -> dict[str, Any]:
    return {
        "ArtifactArn": resource.arn,
        "CreationTime": resource.created,
        "LastModifiedTime": resource.modified,
    }


def describe_artifact(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Answer an artifact as it was made."""
    found = _artifact(control, request["ArtifactArn"])
    return _times(found) | {member: found.body[member] for member in _ECHOED if member in found.body}


def _artifact_summary(artifact: Resource) -> dict[str, Any]:
    shown = ("ArtifactName", "Source", "ArtifactType")
    return _times(artifact) | {member: artifact.body[member] for member in shown if member in artifact.body}


def list_artifacts(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Answer one page of artifacts: all, those of a file, or those of a type."""
    more: list[tuple[str, Sequence[Any]]] = []
    if "SourceUri" in request:
        more.append(("json_extract(body, '$.Source.SourceUri') = ?", [request["SourceUri"]]))
    if "ArtifactType" in request:
        more.append(("json_extract(body, '$.ArtifactType') = ?", [request["ArtifactType"]]))
    rules = ListRules(ARTIFACT, "ArtifactSummaries", _artifact_summary)
    return list_resources(control.repository, region, request, rules, more)


def delete_artifact(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Delete an artifact by its ARN, or by its source."""
    if "ArtifactArn" in request:
        found = _artifact(control, request["ArtifactArn"])
    elif "Source" in request:
        wanted = request["Source"]["SourceUri"]
        conditions = ["region = ?", "kind = ?", "json_extract(body, '$.Source.SourceUri') = ?"]
        some = control.repository.select(conditions, [region, ARTIFACT, wanted], limit=1)
        if not some:
            raise checks.not_found(ARTIFACT, wanted, wanted)
        found = some[0]
    else:
        raise ValidationException("Either ArtifactArn or Source must be specified.")
    control.repository.delete(found.region, ARTIFACT, found.name)
    return {"ArtifactArn": found.arn}


def add_association(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Store that one resource has to do with another."""
    for member in ("SourceArn", "DestinationArn"):
        if control.repository.by_arn(request[member]) is None:
            raise ResourceNotFound(f"Resource '{request[member]}' does not exist.")
    ends = {member: request[member] for member in _EDGE[:2]}
    try:
        control.repository.create(region, ASSOCIATION, _digest(ends), "", request)
    except AlreadyExists:
        raise ValidationException("This association already exists.") from None
    return ends


def list_associations(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Answer one page of associations, by either end and by type."""
    more: list[tuple[str, Sequence[Any]]] = [
        (f"json_extract(body, '$.{member}') = ?", [request[member]]) for member in _EDGE if member in request
    ]

    def summary(edge: Resource) -> dict[str, Any]:
        shown: dict[str, Any] = {member: edge.body[member] for member in _EDGE if member in edge.body}
        for end in ("Source", "Destination"):
            found = control.repository.by_arn(edge.body[f"{end}Arn"])
            if found is not None:
                shown[f"{end}Name"] = found.body.get("ArtifactName") or found.name
                shown[f"{end}Type"] = found.body.get("ArtifactType") or found.kind
        return shown | {"CreationTime": edge.created}

    rules = ListRules(ASSOCIATION, "AssociationSummaries", summary)
    return list_resources(control.repository, region, request, rules, more)


def delete_association(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Forget an association."""
    ends = {member: request[member] for member in _EDGE[:2]}
    try:
        control.repository.delete(region, ASSOCIATION, _digest(ends))
    except Missing:
        raise ResourceNotFound("This association does not exist.") from None
    return ends
