"""Step deploy: a model, an endpoint configuration, an endpoint; ends when the endpoint is InService."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewizard.engine import scripts, ttl
from sagewizard.engine import trained as trained_by
from sagewizard.engine.api import exists_already, is_missing
from sagewizard.engine.capacity import persevere
from sagewizard.engine.costs import HOSTING
from sagewizard.engine.endpoint_gone import gone, says_gone
from sagewizard.engine.following import JobWatch
from sagewizard.engine.logs import LogFollower
from sagewizard.engine.steps.result import StepResult
from sagewizard.engine.teardown import teardown_of
from sagewizard.engine.waiting import wait_until
from sagewizard.errors import JobFailedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagewizard.engine.context import RunContext
    from sagewizard.engine.ledger import Entry

KIND = "endpoint"
VARIANT = "AllTraffic"
CHANGING = ("Creating", "Updating", "SystemUpdating", "RollingBack")
# SageMaker gives up on a container that does not answer after about half an hour.
WAIT_LIMIT = 2700.0


def run(context: RunContext) -> StepResult:
    """Deploy; without capacity go on as `deploy.on_capacity` says."""
    return persevere(context, HOSTING, _deploy, _clear)


def _clear(context: RunContext) -> None:
    """Delete the endpoint that failed and what belongs to it; what does not go is left to the teardown."""
    entries = [
        entry
        for entry in context.ledger.alive(run_id=context.run_id)
        if entry.kind in (KIND, "endpoint-config", ttl.KIND)
    ]
    teardown_of(context).delete(entries)


def _deploy(context: RunContext) -> StepResult:
    """Make the three parts, each found again when an earlier try has made it, and wait."""
    model = ensure_model(context)
    instance_type, count = context.text("instance_type"), context.number("instance_count")
    config, endpoint = context.name("config"), context.name("endpoint")
    _ensure(
        context, context.intend("endpoint-config", config), "CreateEndpointConfig", "EndpointConfigArn",
        {
            "EndpointConfigName": config,
            "ProductionVariants": [
                {
                    "VariantName": VARIANT,
                    "ModelName": model,
                    "InitialInstanceCount": count,
                    "InstanceType": instance_type,
                    "InitialVariantWeight": 1.0,
                }
            ],
            "Tags": context.tags(),
        },
        ("DescribeEndpointConfig", "EndpointConfigName"),
    )  # fmt: skip
    ttl.arrange(context, endpoint)
    entry = context.intend(KIND, endpoint, component=HOSTING, instance_type=instance_type, count=count)
    arn = _ensure(
        context, entry, "CreateEndpoint", "EndpointArn",
        {"EndpointName": endpoint, "EndpointConfigName": config, "Tags": context.tags()},
        ("DescribeEndpoint", "EndpointName"),
    )  # fmt: skip
    _until_in_service(context, endpoint, instance_type, count)
    ttl.renew(context, endpoint, now=True)
    context.cost_changed()
    price = f", ${entry.hourly_usd:.3f} an hour from now on" if entry.hourly_usd else ""
    return StepResult(
        f"{endpoint} is InService on {count} x {instance_type}{price}{ttl.words(context, endpoint)}",
        {"model": model, "endpoint_config": config, "endpoint": endpoint, "arn": arn, "variant": VARIANT},
    )


def ensure_model(context: RunContext) -> str:
    """Make the model of the run's training or tuning job, or find it; deploy and transform share it."""
    trained = context.outputs(trained_by.source(context.recipe))
    name = trained_by.model_name(context.run_id, str(trained["job"]))
    container: dict[str, Any] = {"Image": trained["image"], "ModelDataUrl": trained["model_artifact"]}
    script = context.state.outputs("prepare").get("script")
    if script:
        container["Environment"] = scripts.environment(context.recipe, script, context.target.region)
    request = {
        "ModelName": name,
        "PrimaryContainer": container,
        "ExecutionRoleArn": context.target.role_arn,
        "Tags": context.tags(),
    }
    _ensure(
        context, context.intend("model", name), "CreateModel", "ModelArn", request,
        ("DescribeModel", "ModelName"),
    )  # fmt: skip
    return name


def _ensure(
    context: RunContext,
    entry: Entry,
    create: str,
    arn_member: str,
    request: Mapping[str, Any],
    describe: tuple[str, str],
) -> str:
    operation, member = describe
    adopted = False
    if entry.created is not None:
        # It was made by an earlier step or try; asking first keeps a refused call out of the record.
        found = look_up(context, operation, member, entry.name)
        if found is not None:
            return str(found[arn_member])
    try:
        arn = str(context.api("sagemaker", create, **request)[arn_member])
    except Exception as error:
        if not exists_already(error):
            context.not_made(entry, error)
            raise
        adopted = True
        arn = str(context.once_found(operation, **dict[str, Any]({member: entry.name}))[arn_member])
    if not (adopted and entry.created is not None):
        context.made(entry, arn, adopted=adopted)
    return arn


def look_up(context: RunContext, operation: str, member: str, name: str) -> dict[str, Any] | None:
    """Describe something of SageMaker's by its name; None when it is not there."""
    parameters: dict[str, Any] = {member: name}
    try:
        return context.api("sagemaker", operation, show=False, **parameters)
    except Exception as error:
        if is_missing(error):
            return None
        raise


def _until_in_service(context: RunContext, name: str, instance_type: str, count: int) -> None:
    watch = JobWatch(
        context, KIND, name, LogFollower(context.api, f"/aws/sagemaker/Endpoints/{name}", f"{VARIANT}/")
    )

    def look() -> dict[str, Any]:
        try:
            answer = context.api("sagemaker", "DescribeEndpoint", show=watch.changes(), EndpointName=name)
        except Exception as error:
            # One that was never seen may only not be found yet; the wait has patience with that.
            if not says_gone(error) or not watch.seen:
                raise
            raise gone(context, name) from error
        status = answer["EndpointStatus"]
        watch.status(status, answer.get("FailureReason", ""))
        watch.log(last=status == "Failed")
        return answer

    try:
        answer = wait_until(
            look, lambda seen: seen["EndpointStatus"] not in CHANGING, clock=context.clock,
            cancel=context.cancel, every=context.target.poll_seconds, limit=WAIT_LIMIT,
            what=f"The endpoint {name}",
            remedy="Resume the run to go on waiting, or tear it down.",
        )  # fmt: skip
    except Exception as error:
        if not says_gone(error):
            raise
        raise gone(context, name) from error
    if answer["EndpointStatus"] != "InService":
        reason = answer.get("FailureReason") or f"its status is {answer['EndpointStatus']}"
        raise JobFailedError(
            f"The endpoint {name} could not start: {reason}",
            remedy="The last log lines say why; correct it, then resume the run.",
        )
    since = answer["LastModifiedTime"].timestamp()
    context.meter.start(KIND, name, HOSTING, instance_type, count, since)
