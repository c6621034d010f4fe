"""Deletes the logs that SageMaker kept of a run's jobs and endpoints; nothing else writes into them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sagewizard.engine.api import is_missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sagewizard.engine.api import Api
    from sagewizard.engine.ledger import Entry

_GROUPS: Final = {
    "training-job": "/aws/sagemaker/TrainingJobs",
    "tuning-job": "/aws/sagemaker/TrainingJobs",
    "transform-job": "/aws/sagemaker/TransformJobs",
}


def remove(api: Api, entries: Iterable[Entry]) -> list[str]:
    """Delete an endpoint's log group, and a job's streams of the group it shares; return what was deleted.

    The rows may be closed; a log that is not there is passed over.
    """
    gone: list[str] = []
    for entry in entries:
        if entry.kind == "endpoint":
            group = f"/aws/sagemaker/Endpoints/{entry.name}"
            if _delete(api, "DeleteLogGroup", logGroupName=group):
                gone.append(group)
        elif entry.kind in _GROUPS:
            group = _GROUPS[entry.kind]
            # The jobs of a tuning job are named after it.
            prefix = f"{entry.name}-" if entry.kind == "tuning-job" else f"{entry.name}/"
            gone += [
                f"{group}: {stream}"
                for stream in list(_streams(api, group, prefix))
                if _delete(api, "DeleteLogStream", logGroupName=group, logStreamName=stream)
            ]
    return gone


def _streams(api: Api, group: str, prefix: str) -> Iterator[str]:
    request: dict[str, Any] = {"logGroupName": group, "logStreamNamePrefix": prefix}
    while True:
        try:
            answer = api("logs", "DescribeLogStreams", show=False, **request)
        except Exception as error:
            if is_missing(error):
                return
            raise
        yield from (str(stream["logStreamName"]) for stream in answer.get("logStreams", []))
        if not answer.get("nextToken"):
            return
        request["nextToken"] = answer["nextToken"]


def _delete(api: Api, operation: str, **names: str) -> bool:
    try:
        api("logs", operation, **dict[str, Any](names))
    except Exception as error:
        if is_missing(error):
            return False
        raise
    return True
