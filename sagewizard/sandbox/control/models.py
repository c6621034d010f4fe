"""CreateModel, DescribeModel, ListModels and DeleteModel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.control import checks
from sagewizard.sandbox.control.listing import ListRules, list_resources
from sagewizard.sandbox.control.protocol import ValidationException
from sagewizard.sandbox.control.resources import MODEL, AlreadyExists, Missing, Resource

if TYPE_CHECKING:
    from sagewizard.sandbox.control.context import Control

_SOURCES = (("S3Object", "Gzip"), ("S3Prefix", "None"))
_ECHOED = (
    "PrimaryContainer",
    "Containers",
    "InferenceExecutionConfig",
    "ExecutionRoleArn",
    "VpcConfig",
    "EnableNetworkIsolation",
)


def create_model(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Check the container and its data, and store the model."""
    name = request["ModelName"]
    tags = checks.tags(request.pop("Tags", None))
    if "PrimaryContainer" in request and "Containers" in request:
        raise ValidationException("PrimaryContainer and Containers can't both be specified.")
    containers = request.get("Containers") or (
        [request["PrimaryContainer"]] if "PrimaryContainer" in request else []
    )
    if not containers:
        raise ValidationException("Either PrimaryContainer or Containers must be specified.")
    if request.get("InferenceExecutionConfig", {}).get("Mode") == "Direct":
        raise ValidationException("The sandbox runs containers one after another; leave Mode Direct out.")
    hostnames = [each["ContainerHostname"] for each in containers if "ContainerHostname" in each]
    if len(set(hostnames)) != len(hostnames):
        raise ValidationException("ContainerHostname must be unique within a model.")
    for container in containers:
        _check_container(control, container)
    request.setdefault("EnableNetworkIsolation", False)
    try:
        model = control.repository.create(region, MODEL, name, "", {"request": request}, tags)
    except AlreadyExists as taken:
        raise ValidationException(f'Cannot create already existing model "{taken.resource.arn}".') from None
    return {"ModelArn": model.arn}


def _check_container(control: Control, container: dict[str, Any]) -> None:
    if "ModelPackageName" in container:
        raise ValidationException("The sandbox has no model packages; give Image and ModelDataUrl instead.")
    if container.get("Mode") == "MultiModel":
        raise ValidationException("The sandbox has no multi-model endpoints; leave Mode out.")
    if not container.get("Image"):
        raise ValidationException("The container must have an Image.")
    checks.known_image(container["Image"])
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    if source is not None:
        if "ModelDataUrl" in container:
            raise ValidationException("ModelDataUrl and ModelDataSource can't both be specified.")
        if (source["S3DataType"], source["CompressionType"]) not in _SOURCES:
            raise ValidationException(
                "The sandbox reads one model.tar.gz (S3DataType S3Object, CompressionType Gzip) or the files"
                " below a prefix (S3Prefix, None)."
            )
    url = container.get("ModelDataUrl") or (source["S3Uri"] if source else None)
    there = checks.object_exists
    if source is not None and source["S3DataType"] == "S3Prefix":
        there = checks.objects_below
    if url and not there(control, url):
        raise ValidationException(f"Could not find model data at {url}.")
    container.setdefault("Mode", "SingleModel")
    container.setdefault("Environment", {})


def describe_model(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Answer a model as it was created."""
    model = checks.found(control, region, MODEL, request["ModelName"])
    output: dict[str, Any] = {"ModelName": model.name, "ModelArn": model.arn, "CreationTime": model.created}
    return output | {m: model.body["request"][m] for m in _ECHOED if m in model.body["request"]}


def _summary(model: Resource) -> dict[str, Any]:
    return {"ModelName": model.name, "ModelArn": model.arn, "CreationTime": model.created}


_LIST = ListRules(MODEL, "Models", _summary)


def list_models(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Answer one page of models."""
    return list_resources(control.repository, region, request, _LIST)


def delete_model(control: Control, region: str, request: dict[str, Any]) -> None:
    """Delete a model; endpoints that serve it keep serving, as on AWS."""
    try:
        control.repository.delete(region, MODEL, request["ModelName"])
    except Missing as missing:
        raise checks.not_found(MODEL, str(missing), request["ModelName"]) from None
