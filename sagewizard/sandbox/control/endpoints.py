"""CreateEndpoint, DescribeEndpoint, ListEndpoints, UpdateEndpoint, its weights, and DeleteEndpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.control import checks
from sagewizard.sandbox.control.hosting import IN_PROGRESS
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
        container = model.get("PrimaryContainer") or model["Containers"][0]
        variants.append(
            {
                "VariantName": variant["VariantName"],
                "InstanceType": variant["InstanceType"],
                "model": model,
                "image": container["Image"],
                "resolved": now,
                "DesiredWeight": variant["InitialVariantWeight"],
                "DesiredInstanceCount": variant["InitialInstanceCount"],
                "CurrentWeight": 0.0,
                "CurrentInstanceCount": 0,
            }
        )
    return {"EndpointConfigName": config.name, "variants": variants}


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
    if "pending" in body:
        pending = body["pending"]
        output["PendingDeploymentSummary"] = {
            "EndpointConfigName": pending["EndpointConfigName"],
            "ProductionVariants": [
                _variant(variant) | {"InstanceType": variant["InstanceType"]}
                for variant in pending["variants"]
            ],
            "StartTime": pending["StartTime"],
        }
    return output


def _variant(variant: dict[str, Any]) -> dict[str, Any]:
    """Summarise a variant; the image is resolved to itself, since there is no registry with digests here."""
    return {
        "VariantName": variant["VariantName"],
        "DeployedImages": [
            {
                "SpecifiedImage": variant["image"],
                "ResolvedImage": variant["image"],
                "ResolutionTime": variant["resolved"],
            }
        ],
        "CurrentWeight": variant["CurrentWeight"],
        "DesiredWeight": variant["DesiredWeight"],
        "CurrentInstanceCount": variant["CurrentInstanceCount"],
        "DesiredInstanceCount": variant["DesiredInstanceCount"],
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
                for member in {"DesiredWeight", "DesiredInstanceCount"} - excluded:
                    variant[member] = before.get(variant["VariantName"], variant)[member]
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
