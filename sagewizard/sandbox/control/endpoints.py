"""CreateEndpoint, DescribeEndpoint, ListEndpoints, UpdateEndpoint, its weights, and DeleteEndpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.control import checks
from sagewizard.sandbox.control.hosting import DEPLOYED, IN_PROGRESS
from sagewizard.sandbox.control.listing import ListRules, list_resources
from sagewizard.sandbox.control.protocol import ValidationException
from sagewizard.sandbox.control.resources import (
    ENDPOINT,
    ENDPOINT_CONFIG,
    MODEL,
    AlreadyExists,
    Missing,
    Resource,
)

if TYPE_CHECKING:
    from sagewizard.sandbox.control.context import Control


def create_endpoint(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Store the endpoint as Creating and bring its variants up in the background."""
    name = request["EndpointName"]
    tags = checks.tags(request.get("Tags"))
    body = _deployment(control, region, request["EndpointConfigName"])
    if "DeploymentConfig" in request:
        body["LastDeploymentConfig"] = request["DeploymentConfig"]
    try:
        endpoint = control.repository.create(region, ENDPOINT, name, "Creating", body, tags)
    except AlreadyExists as taken:
        raise ValidationException(
            f'Cannot create already existing endpoint "{taken.resource.arn}".'
        ) from None
    control.hosting.create(endpoint)
    return {"EndpointArn": endpoint.arn}


def _deployment(control: Control, region: str, config_name: str) -> dict[str, Any]:
    """Return what an endpoint runs: variants with their models as they are now.

    The endpoint keeps its own copy, since configuration and models may be deleted while it serves.
    """
    config = checks.found(control, region, ENDPOINT_CONFIG, config_name)
    now = control.repository.now()
    variants = []
    for variant in config.body["request"]["ProductionVariants"]:
        model = checks.found(control, region, MODEL, variant["ModelName"]).body["request"]
        containers = model.get("Containers") or [model["PrimaryContainer"]]
        running = (
            {"ServerlessConfig": variant["ServerlessConfig"]}
            if "ServerlessConfig" in variant
            else {
                "InstanceType": variant["InstanceType"],
                "DesiredInstanceCount": variant["InitialInstanceCount"],
                "CurrentInstanceCount": 0,
            }
        )
        variants.append(
            {
                "VariantName": variant["VariantName"],
                "model": model,
                "images": [container["Image"] for container in containers],
                "resolved": now,
                "DesiredWeight": variant["InitialVariantWeight"],
                "CurrentWeight": 0.0,
                **running,
            }
        )
    request = config.body["request"]
    return {
        "EndpointConfigName": config.name,
        "variants": variants,
        **{member: request[member] for member in DEPLOYED if member in request},
    }


def describe_endpoint(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Answer the state of an endpoint and of its variants."""
    endpoint = checks.found(control, region, ENDPOINT, request["EndpointName"])
    body = endpoint.body
    output: dict[str, Any] = {
        "EndpointName": endpoint.name,
        "EndpointArn": endpoint.arn,
        "EndpointConfigName": body["EndpointConfigName"],
        "ProductionVariants": [_variant(variant) for variant in body["variants"]],
        "EndpointStatus": endpoint.status,
        "CreationTime": endpoint.created,
        "LastModifiedTime": endpoint.modified,
    }
    output |= {member: body[member] for member in ("FailureReason", "LastDeploymentConfig") if member in body}
    if "AsyncInferenceConfig" in body:
        output["AsyncInferenceConfig"] = body["AsyncInferenceConfig"]
    if "DataCaptureConfig" in body:
        output["DataCaptureConfig"] = _capture(body["DataCaptureConfig"])
    if "pending" in body:
        pending = body["pending"]
        output["PendingDeploymentSummary"] = {
            "EndpointConfigName": pending["EndpointConfigName"],
            "ProductionVariants": [
                _variant(variant) | {m: variant[m] for m in ("InstanceType",) if m in variant}
                for variant in pending["variants"]
            ],
            "StartTime": pending["StartTime"],
        }
    return output


def _variant(variant: dict[str, Any]) -> dict[str, Any]:
    """Summarise a variant; the image is resolved to itself, since there is no registry with digests here."""
    images = variant["images"] if "images" in variant else [variant["image"]]
    summary = {
        "VariantName": variant["VariantName"],
        "DeployedImages": [
            {"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": variant["resolved"]}
            for image in images
        ],
        "CurrentWeight": variant["CurrentWeight"],
        "DesiredWeight": variant["DesiredWeight"],
    }
    if "ServerlessConfig" in variant:
        config = variant["ServerlessConfig"]
        return summary | {"CurrentServerlessConfig": config, "DesiredServerlessConfig": config}
    return summary | {
        "CurrentInstanceCount": variant["CurrentInstanceCount"],
        "DesiredInstanceCount": variant["DesiredInstanceCount"],
    }


def _capture(config: dict[str, Any]) -> dict[str, Any]:
    enabled = bool(config.get("EnableCapture"))
    return {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if enabled else "Stopped",
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": config.get("KmsKeyId", ""),
    }


def _summary(endpoint: Resource) -> dict[str, Any]:
    return {
        "EndpointName": endpoint.name,
        "EndpointArn": endpoint.arn,
        "CreationTime": endpoint.created,
        "LastModifiedTime": endpoint.modified,
        "EndpointStatus": endpoint.status,
    }


_LIST = ListRules(ENDPOINT, "Endpoints", _summary)


def list_endpoints(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Answer one page of endpoints."""
    return list_resources(control.repository, region, request, _LIST)


def _require_changeable(endpoint: Resource) -> None:
    if endpoint.status in IN_PROGRESS:
        raise ValidationException(f'Cannot update in-progress endpoint "{endpoint.arn}".')
    if endpoint.status == "Failed":
        raise ValidationException(
            f'Cannot update endpoint "{endpoint.arn}" in status Failed. Delete it and create it again.'
        )


def update_endpoint(control: Control, region: str, request: dict[str, Any]) -> dict[str, Any]:
    """Go over to another configuration: Updating, then InService, or back to the old one when it fails."""
    name = request["EndpointName"]
    checks.found(control, region, ENDPOINT, name)
    pending = _deployment(control, region, request["EndpointConfigName"])
    pending["StartTime"] = control.repository.now()
    if "DeploymentConfig" in request:
        pending["DeploymentConfig"] = request["DeploymentConfig"]
    excluded = {item["VariantPropertyType"] for item in request.get("ExcludeRetainedVariantProperties", [])}

    def apply(endpoint: Resource) -> None:
        _require_changeable(endpoint)
        if request.get("RetainAllVariantProperties"):
            before = {variant["VariantName"]: variant for variant in endpoint.body["variants"]}
            for variant in pending["variants"]:
                old = before.get(variant["VariantName"], variant)
                for member in {"DesiredWeight", "DesiredInstanceCount"} - excluded:
                    if member in variant and member in old:
                        variant[member] = old[member]
        endpoint.body["pending"] = pending
        endpoint.status = "Updating"

    try:
        endpoint = control.repository.change(region, ENDPOINT, name, apply)
    except Missing as missing:
        raise checks.not_found(ENDPOINT, str(missing), name) from None
    control.hosting.update(endpoint)
    return {"EndpointArn": endpoint.arn}


def update_endpoint_weights_and_capacities(
    control: Control, region: str, request: dict[str, Any]
) -> dict[str, Any]:
    """Share the traffic differently, or change the instance counts."""
    name = request["EndpointName"]
    desired = {item["VariantName"]: item for item in request["DesiredWeightsAndCapacities"]}

    def apply(endpoint: Resource) -> None:
        _require_changeable(endpoint)
        variants = {variant["VariantName"]: variant for variant in endpoint.body["variants"]}
        unknown = next((variant for variant in desired if variant not in variants), None)
        if unknown is not None:
            raise ValidationException(
                f'The variant name(s) "{unknown}" is/are not present within endpoint configuration'
                f' "{endpoint.body["EndpointConfigName"]}".'
            )
        for variant, wish in desired.items():
            for member in ("DesiredWeight", "DesiredInstanceCount"):
                if member in wish:
                    variants[variant][member] = wish[member]
        endpoint.status = "Updating"

    try:
        endpoint = control.repository.change(region, ENDPOINT, name, apply)
    except Missing as missing:
        raise checks.not_found(ENDPOINT, str(missing), name) from None
    control.hosting.reweigh(endpoint)
    return {"EndpointArn": endpoint.arn}


def delete_endpoint(control: Control, region: str, request: dict[str, Any]) -> None:
    """Take an endpoint down: Deleting, then gone; refused while it is being created or updated, as on AWS."""
    name = request["EndpointName"]

    def apply(endpoint: Resource) -> None:
        if endpoint.status in IN_PROGRESS:
            raise ValidationException(f'Cannot update in-progress endpoint "{endpoint.arn}".')
        endpoint.status = "Deleting"

    try:
        endpoint = control.repository.change(region, ENDPOINT, name, apply)
    except Missing as missing:
        raise checks.not_found(ENDPOINT, str(missing), name) from None
    control.hosting.delete(endpoint)
