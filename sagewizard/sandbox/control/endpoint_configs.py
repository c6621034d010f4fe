"""CreateEndpointConfig, DescribeEndpointConfig, ListEndpointConfigs and DeleteEndpointConfig."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.control import checks, serverless
from sagewizard.sandbox.control.listing import ListRules, list_resources
from sagewizard.sandbox.control.protocol import ValidationException
from sagewizard.sandbox.control.resources import ENDPOINT_CONFIG, MODEL, AlreadyExists, Missing, Resource

if TYPE_CHECKING:
    from sagewizard.sandbox.control.context import Control

_ECHOED = (
    "ProductionVariants",
    "DataCaptureConfig",
    "AsyncInferenceConfig",
    "KmsKeyId",
    "ExplainerConfig",
    "ExecutionRoleArn",
    "VpcConfig",
    "EnableNetworkIsolation",
    "MetricsConfig",
)
_NOT_HERE = {
    "ShadowProductionVariants": "shadow variants",
    "ExplainerConfig": "explainers",
    "CrossRegionTrafficConfig": "cross-region traffic",
}


def create_endpoint_config(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Check the variants and their models, and store the configuration."""
    name = request["EndpointConfigName"]
    tags = checks.tags(request.pop("Tags", None))
    for member, words in _NOT_HERE.items():
        if member in request:
            raise ValidationException(f"The sandbox has no {words} yet; leave {member} out.")
    names = [variant["VariantName"] for variant in request["ProductionVariants"]]
    if len(set(names)) != len(names):
        raise ValidationException("Production variant names must be unique within an endpoint configuration.")
    for variant in request["ProductionVariants"]:
        _check_variant(control, region, variant)
    serverless.check_company(request)
    try:
        config = control.repository.create(region, ENDPOINT_CONFIG, name, "", {"request": request}, tags)
    except AlreadyExists as taken:
        raise ValidationException(
            f'Cannot create already existing endpoint configuration "{taken.resource.arn}".'
        ) from None
    return {"EndpointConfigArn": config.arn}


def _check_variant(control: Control, region: str, variant: dict[str, Any]) -> None:
    name = variant["VariantName"]
    if "InstancePools" in variant or "ManagedInstanceScaling" in variant:
        raise ValidationException(f"The sandbox has no instance pools or managed scaling (variant {name}).")
    if not variant.get("ModelName"):
        raise ValidationException(
            f"Production variant {name} must have a ModelName: the sandbox has no inference components, which"
            " would bring models to a variant without one."
        )
    if "ServerlessConfig" in variant:
        serverless.check(variant)
    elif "InstanceType" not in variant or "InitialInstanceCount" not in variant:
        raise ValidationException(
            f"Production variant {name} must have an InstanceType and an InitialInstanceCount."
        )
    checks.found(control, region, MODEL, variant["ModelName"])
    variant.setdefault("InitialVariantWeight", 1.0)


def describe_endpoint_config(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Answer a configuration as it was created."""
    config = checks.found(control, region, ENDPOINT_CONFIG, request["EndpointConfigName"])
    output: dict[str, Any] = {
        "EndpointConfigName": config.name,
        "EndpointConfigArn": config.arn,
        "CreationTime": config.created,
    }
    return output | {m: config.body["request"][m] for m in _ECHOED if m in config.body["request"]}


def _summary(config: Resource) -> dict[str, Any]:
    return {
        "EndpointConfigName": config.name,
        "EndpointConfigArn": config.arn,
        "CreationTime": config.created,
    }


_LIST = ListRules(ENDPOINT_CONFIG, "EndpointConfigs", _summary)


def list_endpoint_configs(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Answer one page of configurations."""
    return list_resources(control.repository, region, request, _LIST)


def delete_endpoint_config(control: Control, region: str, request: dict[str, Any]) -> None:
    """Delete a configuration; endpoints that were made from it keep serving, as on AWS."""
    name = request["EndpointConfigName"]
    try:
        control.repository.delete(region, ENDPOINT_CONFIG, name)
    except Missing as missing:
        raise checks.not_found(ENDPOINT_CONFIG, str(missing), name) from None
