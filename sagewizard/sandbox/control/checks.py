"""What a request must agree with beyond its shape: images, S3 objects, tags, and the not-found texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.compute.s3data import split_s3_uri
from sagewizard.sandbox.control.protocol import ResourceNotFound, ServiceError, ValidationException
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
    Resource,
)
from sagewizard.sandbox.store.objects import NoSuchBucket

if TYPE_CHECKING:
    from sagewizard.sandbox.containers.registry import Container
    from sagewizard.sandbox.control.context import Control

MAX_TAGS = 50
_TRACKED = {
    EXPERIMENT: "Experiment",
    TRIAL: "Trial",
    TRIAL_COMPONENT: "Trial Component",
    ARTIFACT: "Artifact",
}


def found(control: Control, region: str, kind: str, name: str) -> Resource:
    """Return a resource, or raise the service's own not-found error for its kind."""
    resource = control.repository.find(region, kind, name)
    if resource is None:
        raise not_found(kind, control.repository.arn(region, kind, name), name)
    return resource


def not_found(kind: str, arn: str, name: str) -> ServiceError:
    """Return the error of the service for a name that is not there; it differs by kind."""
    if kind == TUNING_JOB:
        return ResourceNotFound(f"Amazon SageMaker can't find a tuning job with the name [{name}].")
    if kind in _TRACKED:
        return ResourceNotFound(f"{_TRACKED[kind]} '{arn}' does not exist.")
    texts = {
        TRAINING_JOB: "Requested resource not found.",
        TRANSFORM_JOB: f"Could not find requested job with name: {name}",
        PROCESSING_JOB: f"Could not find requested job with name: {name}",
        MODEL: f'Could not find model "{arn}".',
        ENDPOINT_CONFIG: f'Could not find endpoint configuration "{arn}".',
        ENDPOINT: f'Could not find endpoint "{arn}".',
    }
    return ValidationException(texts[kind])


def known_image(uri: str) -> Container:
    """Return the container of an image; ValidationException says what there is instead."""
    from sagewizard.sandbox.containers.registry import resolve

    try:
        return resolve(uri)
    except LookupError as error:
        told = str(error.args[0]) if error.args else ""
        detail = told.partition(f"{uri}. ")[2] or told  # the image is named already
        raise ValidationException(f"Requested image {uri} not found. {detail}".rstrip()) from None


_ELSEWHERE = (
    " Error message from S3: The bucket you are attempting to access must be addressed using the specified"
    " endpoint. Please send all future requests to this endpoint."
)


def input_objects(control: Control, region: str, uri: str, data_type: str, role: str) -> None:
    """Raise the service's error unless objects exist where an input points to."""
    bucket, key = split_s3_uri(uri)
    info = control.services.objects.bucket(bucket)
    elsewhere = info is not None and info.region != region
    try:
        if data_type == "S3Prefix":
            there = next(iter(control.services.objects.list(bucket, key)), None) is not None
        else:
            there = control.services.objects.head(bucket, key) is not None
    except NoSuchBucket:
        there = False
    if not there or elsewhere:
        raise ValidationException(
            f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure'
            f" that the bucket exists in the selected region ({region}), that objects exist under that S3"
            f' prefix, and that the role "{role}" has "s3:ListBucket" permissions on bucket "{bucket}".'
            + (_ELSEWHERE if elsewhere else "")
        )


def object_exists(control: Control, uri: str) -> bool:
    """Tell whether an object is there; a missing bucket is a plain no."""
    bucket, key = split_s3_uri(uri)
    try:
        return bool(key) and control.services.objects.head(bucket, key) is not None
    except NoSuchBucket:
        return False


def objects_below(control: Control, uri: str) -> bool:
    """Tell whether there is any object below a prefix; a missing bucket is a plain no."""
    bucket, prefix = split_s3_uri(uri)
    try:
        return next(iter(control.services.objects.list(bucket, prefix)), None) is not None
    except NoSuchBucket:
        return False


def tags(given: list[dict[str, str]] | None) -> list[dict[str, str]]:
    """Return tags after the checks that every Create operation and AddTags make."""
    given = given or []
    keys = [tag["Key"] for tag in given]
    reserved = next((key for key in keys if key.lower().startswith("aws:")), None)
    if reserved is not None:
        raise ValidationException("aws: prefixed tag key names are not allowed for external use.")
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise ValidationException(f"Duplicate tag keys found: {twice}. Tag keys must be unique per resource.")
    return given


def count_tags(present: list[dict[str, Any]]) -> None:
    """Raise when a resource would have more tags than AWS allows."""
    if len(present) > MAX_TAGS:
        raise ValidationException(
            f"A resource can have at most {MAX_TAGS} tags; this one would have {len(present)}."
        )
