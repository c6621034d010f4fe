"""Owns a model's container and artifact: what can be served, and its files put into a folder."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.compute.archives import ArchiveError, Limits, unpack_tar_gz
from sagewizard.sandbox.compute.s3data import ClientFailure, local_path, parse_uri, relative_name, uri_of
from sagewizard.sandbox.store.objects import NoSuchBucket, NoSuchKey

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sagewizard.sandbox.services import Services


def single_container(model: Mapping[str, Any]) -> Mapping[str, Any] | str:
    """Return the one container of a CreateModel request, or why there is none that can be served."""
    containers = [model["PrimaryContainer"]] if model.get("PrimaryContainer") else []
    containers += model.get("Containers") or []
    if len(containers) != 1:
        return (
            f"The model has {len(containers)} containers; the sandbox serves models of one container."
            " Deploy each container as a model of its own."
        )
    container: Mapping[str, Any] = containers[0]
    if container.get("Mode") == "MultiModel":
        return "The sandbox does not serve multi-model containers. Deploy each model on its own."
    return container


def fetch_model(services: Services, container: Mapping[str, Any], target: Path) -> str | None:
    """Put the model's files into an empty folder; None, or the failure reason in the service's words.

    A container may have no model data at all.
    """
    uri, packed = container.get("ModelDataUrl"), True
    source = (container.get("ModelDataSource") or {}).get("S3DataSource")
    if source:
        uri, packed = source["S3Uri"], source.get("CompressionType") == "Gzip"
    if not uri:
        return None
    missing = (
        f'Failed to download model data for container "container_1" from URL: "{uri}". Please ensure that'
        " there is an object located at the URL and that the role passed to CreateModel has permissions to"
        " download the object."
    )
    try:
        bucket, key = parse_uri(uri)
        if not packed:
            return None if _fetch_folder(services, bucket, key, target) else missing
        info = services.objects.head(bucket, key)
        if info is None:
            return missing
        limits = Limits(total=min(Limits().total, shutil.disk_usage(target).free // 2))
        with services.objects.open(info) as stream:
            unpack_tar_gz(stream, target, limits, name=uri)
    except (NoSuchBucket, NoSuchKey):
        return missing
    except ClientFailure as error:
        return str(error)
    except ArchiveError as error:
        return (
            f'Failed to extract model data archive for container "container_1" from URL "{uri}". Please'
            f" ensure that the object located at the URL is a valid tar.gz archive. ({error.message})"
        )
    return None


def _fetch_folder(services: Services, bucket: str, prefix: str, target: Path) -> bool:
    found = False
    for info in services.objects.list(bucket, prefix):
        if info.key.endswith("/"):
            continue
        found = True
        path = target / local_path(relative_name(prefix, info.key), uri_of(info))
        path.parent.mkdir(parents=True, exist_ok=True)
        services.objects.materialise(info, path, writable=True)
    return found
