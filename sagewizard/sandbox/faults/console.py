"""What somebody else does in the console while a run is under way: stops its job, deletes its endpoint."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_JOBS = ("TrainingJob", "TransformJob", "ProcessingJob", "HyperParameterTuningJob")


def deeds(deed: str, path: str, body: bytes) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the operations, with their input, that do a deed to whatever a request names; often none."""
    if deed == "delete-endpoint" and path.startswith("/endpoints/"):
        yield "DeleteEndpoint", {"EndpointName": path.split("/")[2]}
        return
    try:
        given = json.loads(body or b"{}")
    except ValueError:
        return
    kinds = ("Endpoint",) if deed == "delete-endpoint" else _JOBS
    for kind in kinds:
        member = f"{kind}Name"
        if isinstance(given, dict) and isinstance(given.get(member), str):
            yield f"{'Delete' if kind == 'Endpoint' else 'Stop'}{kind}", {member: given[member]}
