"""The channels of a job: which there may be, what their content type means, and which files they hold."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sagewizard.algorithms.xgboost import CHANNELS, CONTENT_TYPES
from sagewizard.sandbox.containers.contract import CustomerError

if TYPE_CHECKING:
    from sagewizard.sandbox.containers.contract import Channel, TrainingContainer

CSV, LIBSVM, PARQUET, RECORDIO = "csv", "libsvm", "parquet", "recordio-protobuf"
_FORMATS = {
    CSV: CSV,
    "text/csv": CSV,
    LIBSVM: LIBSVM,
    "text/libsvm": LIBSVM,
    "text/x-libsvm": LIBSVM,
    PARQUET: PARQUET,
    "application/x-parquet": PARQUET,
    RECORDIO: RECORDIO,
    "application/x-recordio-protobuf": RECORDIO,
}
DEEPEST = 3


def data_format(content_type: str | None) -> str:
    """Return csv, libsvm, parquet or recordio-protobuf; without a content type it is libsvm.

    CustomerError in the container's words for another type and for a label_size other than 1.
    """
    if content_type is None:
        return LIBSVM
    media, *parameters = [part.strip() for part in content_type.lower().split(";")]
    found = _FORMATS.get(media)
    if found is None:
        raise CustomerError(f"{content_type} is not an accepted ContentType: {', '.join(CONTENT_TYPES)}.")
    settings = {
        name.strip(): value.strip().strip('"')
        for name, equals, value in (part.partition("=") for part in parameters)
        if equals
    }
    if found == CSV and settings.get("label_size", "1") != "1":
        raise CustomerError(
            f"{content_type} is not an accepted csv ContentType. "
            "Optional parameter label_size must be equal to 1"
        )
    return found


def check(container: TrainingContainer) -> str:
    """Refuse channels the container does not have; return the format of the train channel's files.

    As in the container, validation is read in the format of train.
    """
    for channel in CHANNELS:
        if channel.required and channel.name not in container.channels:
            raise CustomerError(f"Missing required channel: {channel.name}")
    for name in container.channels:
        if name not in [channel.name for channel in CHANNELS]:
            raise CustomerError(f"Extraneous channel found: {name}")
    for name, found in container.channels.items():
        if name != "code":
            data_format(found.content_type)
    return data_format(container.channels["train"].content_type)


@dataclass(frozen=True, slots=True)
class Files:
    """The data files of a channel in the order of their keys, and whether some lie too deep to be read."""

    paths: tuple[Path, ...]
    too_deep: bool


def data_files(channel: Channel) -> Files:
    """List a channel's files down to the third level of folders; CustomerError for a hidden file."""
    paths: list[Path] = []
    too_deep = False
    for folder, _, names in os.walk(channel.path):
        depth = len(Path(folder).relative_to(channel.path).parts) + 1
        for name in names:
            if name.startswith("."):
                raise CustomerError("Hidden file found in the data path! Remove that before training.")
            path = Path(folder) / name
            if not path.is_file() or not path.stat().st_size:
                continue
            if depth > DEEPEST:
                too_deep = True
            else:
                paths.append(path)
    paths.sort(key=lambda path: path.relative_to(channel.path).as_posix().encode())
    return Files(tuple(paths), too_deep)
