"""Finds what runs have made by its tags: also what another machine made, or what a lost ledger knew of.

Asks SageMaker itself (List operations by the name's beginning, then ListTags of each), not the Resource
Groups Tagging API: that one answers from an index that lags behind, shows what is deleted already, and takes
a permission of its own. A thing without the tag `sagewizard:run` is never returned, whatever its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sagewizard.engine import state as states
from sagewizard.engine.api import error_code, is_missing
from sagewizard.engine.costs import HOSTING, TRAINING, TRANSFORM, CostMeter
from sagewizard.engine.tagging import PREFIX
from sagewizard.engine.ttl import KIND
from sagewizard.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagewizard.engine.api import Api
    from sagewizard.engine.engine import Engine

NAMES_BEGIN: Final = "sw-"
_MOST_PAGES: Final = 200


@dataclass(frozen=True, slots=True)
class _Kind:
    kind: str
    operation: str
    listed: str
    name: str
    running_only: bool = False

    @property
    def arn(self) -> str:
        return self.name.removesuffix("Name") + "Arn"


_KINDS: Final = (
    _Kind("tuning-job", "ListHyperParameterTuningJobs", "HyperParameterTuningJobSummaries",
          "HyperParameterTuningJobName", running_only=True),
    _Kind("training-job", "ListTrainingJobs", "TrainingJobSummaries", "TrainingJobName", running_only=True),
    _Kind("transform-job", "ListTransformJobs", "TransformJobSummaries", "TransformJobName",
          running_only=True),
    _Kind("endpoint", "ListEndpoints", "Endpoints", "EndpointName"),
    _Kind("endpoint-config", "ListEndpointConfigs", "EndpointConfigs", "EndpointConfigName"),
    _Kind("model", "ListModels", "Models", "ModelName"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """One tagged resource: whose, of which run, since when (seconds since the epoch), on which machines."""

    kind: str
    name: str
    arn: str
    run_id: str
    owner: str
    since: float
    component: str = ""
    instance_type: str = ""
    instance_count: int = 0


def find(engine: Engine, api: Api) -> list[Found]:
    """Return all tagged resources of the engine's region that exist, jobs only while they run."""
    found: list[Found] = []
    for kind in _KINDS:
        for summary in _listed(api, kind):
            name = str(summary[kind.name])
            if not name.startswith(NAMES_BEGIN) or _within(found, kind.kind, name):
                continue
            tags = _tags(api, str(summary[kind.arn]))
            run_id = tags.get(f"{PREFIX}run", "")
            if _valid(run_id):
                found.append(
                    Found(
                        kind.kind, name, str(summary[kind.arn]), run_id, tags.get(f"{PREFIX}owner", ""),
                        summary["CreationTime"].timestamp(), *_machines(api, kind.kind, name),
                    )
                )  # fmt: skip
    return [*found, *_schedules(api, found)]


def adopt(engine: Engine, found: list[Found]) -> None:
    """Enter into the ledger what it does not know of, so that it is shown and deleted like the rest."""
    target = engine.target
    meter = CostMeter(target, engine.clock)
    known = {
        (entry.kind, entry.name)
        for entry in engine.ledger.alive(target=target.name, account=target.account_id)
        if entry.region == target.region
    }
    for one in found:
        if (one.kind, one.name) in known:
            continue
        hourly, source = (
            meter.price(one.instance_type, one.component, one.instance_count) if one.component else (None, "")
        )
        entry = engine.ledger.intend(
            run_id=one.run_id, target=target.name, account=target.account_id, region=target.region,
            kind=one.kind, name=one.name, now=one.since, component=one.component,
            instance_type=one.instance_type, instance_count=one.instance_count, hourly_usd=hourly,
            price_source=source,
        )  # fmt: skip
        engine.ledger.created(entry.id, arn=one.arn, now=one.since)


def is_mine(engine: Engine, found: Found, owners: tuple[str, ...] = ()) -> bool:
    """Whether the tag of a resource names whoever asks now, or one of `owners`."""
    return found.owner in (engine.target.owner or engine.target.name, *owners)


def _schedules(api: Api, found: list[Found]) -> Iterator[Found]:
    """Yield the schedules of endpoints; they carry no tags, so that they belong to whom the endpoint does."""
    for one in found:
        if one.kind != "endpoint":
            continue
        try:
            answer = api("scheduler", "GetSchedule", show=False, Name=one.name)
        except Exception as error:
            if not error_code(error):
                raise
            continue  # It has none, or nobody may look: then it goes by itself.
        since = answer["CreationDate"].timestamp()
        yield Found(KIND, one.name, str(answer["Arn"]), one.run_id, one.owner, since)


def _listed(api: Api, kind: _Kind) -> Iterator[dict[str, Any]]:
    request: dict[str, Any] = {"NameContains": NAMES_BEGIN, "MaxResults": 100}
    if kind.running_only:
        request["StatusEquals"] = "InProgress"
    for _page in range(_MOST_PAGES):
        answer = api("sagemaker", kind.operation, show=False, **request)
        yield from answer.get(kind.listed, [])
        if not answer.get("NextToken"):
            return
        request["NextToken"] = answer["NextToken"]


def _within(found: list[Found], kind: str, name: str) -> bool:
    """Whether a training job is one of a tuning job's, which ends with it."""
    return kind == "training-job" and any(
        one.kind == "tuning-job" and name.startswith(f"{one.name}-") for one in found
    )


def _tags(api: Api, arn: str) -> dict[str, str]:
    try:
        answer = api("sagemaker", "ListTags", show=False, ResourceArn=arn, MaxResults=100)
    except Exception as error:
        if is_missing(error):
            return {}
        raise
    return {str(tag["Key"]): str(tag["Value"]) for tag in answer.get("Tags", [])}


def _valid(run_id: str) -> bool:
    # The id becomes part of paths; a tag can be written by anybody in the account.
    try:
        states.check_run_id(run_id)
    except UsageError:
        return False
    return True


def _machines(api: Api, kind: str, name: str) -> tuple[str, str, int]:
    """Return component, instance type and count; empty when it is gone meanwhile or has none."""
    try:
        match kind:
            case "endpoint":
                answer = api("sagemaker", "DescribeEndpoint", show=False, EndpointName=name)
                config = api(
                    "sagemaker", "DescribeEndpointConfig", show=False,
                    EndpointConfigName=answer["EndpointConfigName"],
                )  # fmt: skip
                variant = config["ProductionVariants"][0]
                count = sum(int(v.get("InitialInstanceCount", 0)) for v in config["ProductionVariants"])
                return HOSTING, str(variant.get("InstanceType", "")), count
            case "training-job":
                answer = api("sagemaker", "DescribeTrainingJob", show=False, TrainingJobName=name)
                resources = answer["ResourceConfig"]
                return TRAINING, str(resources["InstanceType"]), int(resources["InstanceCount"])
            case "tuning-job":
                answer = api(
                    "sagemaker", "DescribeHyperParameterTuningJob", show=False,
                    HyperParameterTuningJobName=name,
                )  # fmt: skip
                resources = answer["TrainingJobDefinition"]["ResourceConfig"]
                limits = answer["HyperParameterTuningJobConfig"]["ResourceLimits"]
                count = int(resources["InstanceCount"]) * int(limits["MaxParallelTrainingJobs"])
                return TRAINING, str(resources["InstanceType"]), count
            case "transform-job":
                answer = api("sagemaker", "DescribeTransformJob", show=False, TransformJobName=name)
                resources = answer["TransformResources"]
                return TRANSFORM, str(resources["InstanceType"]), int(resources["InstanceCount"])
    except Exception as error:
        if not (is_missing(error) or isinstance(error, KeyError)):
            raise
    return "", "", 0
