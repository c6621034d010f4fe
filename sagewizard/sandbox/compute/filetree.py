"""Owns the folder that stands for a training container's /opt/ml: configuration, channels, checkpoints."""

from __future__ import annotations

import errno
import gzip
import json
import os
import posixpath
import shutil
import zlib
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.compute.archives import GIB, walk
from sagewizard.sandbox.compute.s3data import ClientFailure, Source, local_path, parse_uri, select, uri_of
from sagewizard.sandbox.store.objects import NoSuchBucket, NoSuchKey

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping
    from pathlib import Path

    from sagewizard.sandbox.services import Services

_BLOCK = 1 << 20
_RESERVE = 512 << 20  # left free on the disk, whatever the volume size says
MOST_HOSTS = 8
"""Processes a distributed job gets at most; each takes a processor and memory of this machine."""
CHECKPOINTS = "/opt/ml/checkpoints"
_TAKEN = ("input", "model", "output", "code")  # folders below /opt/ml that hold something else


class Cancelled(Exception):  # noqa: N818 - the job was stopped, nothing failed
    """The job was stopped while its files were being prepared."""


class TrainingTree:
    """The files of one training job, in the layout of the container contract.

    `writable` gives the container copies of its data; otherwise they are hard links to the stored objects,
    which cost neither time nor disk and must not be written to. `host` counts from 1; with several `hosts`
    each has a tree of its own, and its share of channels that are sharded by key.
    """

    def __init__(
        self,
        base: Path,
        request: Mapping[str, Any],
        services: Services,
        *,
        writable: bool,
        host: int = 1,
        hosts: int = 1,
    ) -> None:
        self.base = base
        self.host, self.hosts = host, hosts
        self.request = request
        self.services = services
        self.writable = writable
        self.model = base / "model"
        self.output = base / "output"
        self.data = base / "input" / "data"
        self.checkpoint_path = _checkpoint_path(request)
        self.checkpoints = base / self.checkpoint_path.removeprefix("/opt/ml/")
        volume = int(request.get("ResourceConfig", {}).get("VolumeSizeInGB", 30) or 30) * GIB
        self._room = volume

    def prepare(self) -> None:
        """Make the folders and write the configuration files."""
        for folder in (
            self.model,
            self.output / "data",
            self.data,
            self.base / "input" / "config",
            self.base / "code",
        ):
            folder.mkdir(parents=True)
        self.base.chmod(0o700)
        _write_json(self._config("hyperparameters"), dict(self.request.get("HyperParameters", {})))
        _write_json(
            self._config("inputdataconfig"), {c["ChannelName"]: self._channel(c) for c in self.channels()}
        )
        _write_json(self._config("resourceconfig"), self._resources())
        if self.request.get("CheckpointConfig"):
            self.checkpoints.mkdir(parents=True)
            _write_json(self._config("checkpointconfig"), {"LocalPath": self.checkpoint_path})

    def channels(self) -> list[Mapping[str, Any]]:
        """Return the job's channels, in the order of the request."""
        return list(self.request.get("InputDataConfig", []))

    def notes(self) -> list[str]:
        """Say, for the job's log, where the sandbox does something else than the request asks for."""
        notes = [
            f"Sandbox: channel '{channel['ChannelName']}' asked for Pipe mode and is presented as files."
            for channel in self.channels()
            if self._mode(channel) == "Pipe"
        ]
        wanted = (self.request.get("CheckpointConfig") or {}).get("LocalPath", CHECKPOINTS).rstrip("/")
        if wanted != self.checkpoint_path:
            notes.append(f"Sandbox: checkpoints are kept in {CHECKPOINTS}; {wanted} cannot be their folder.")
        count = int(self.request.get("ResourceConfig", {}).get("InstanceCount", 1) or 1)
        if count > 1 and self.hosts == 1:
            notes.append(
                f"Sandbox: {count} instances were asked for; the job trains on one, with the data of all."
            )
        elif count > self.hosts:
            notes.append(f"Sandbox: {count} instances were asked for; the job trains on {self.hosts}.")
        return notes

    @property
    def host_names(self) -> list[str]:
        """The names of all hosts of the job."""
        return [f"algo-{number}" for number in range(1, self.hosts + 1)]

    def download(self, stop: threading.Event) -> None:
        """Fetch channels and checkpoints; ClientFailure says what cannot be had, Cancelled on `stop`."""
        try:
            for channel in self.channels():
                self._download_channel(channel, stop)
            self._download_checkpoints(stop)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise ClientFailure("Data download failed:No space left on device") from error
            raise

    def _config(self, name: str) -> Path:
        return self.base / "input" / "config" / f"{name}.json"

    def _mode(self, channel: Mapping[str, Any]) -> str:
        default = self.request.get("AlgorithmSpecification", {}).get("TrainingInputMode", "File")
        return str(channel.get("InputMode") or default)

    def _channel(self, channel: Mapping[str, Any]) -> dict[str, str]:
        source = channel.get("DataSource", {}).get("S3DataSource", {})
        mode = self._mode(channel)
        config = {
            "TrainingInputMode": "File" if mode == "Pipe" else mode,
            "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
            "RecordWrapperType": channel.get("RecordWrapperType", "None"),
        }
        if channel.get("ContentType"):
            config["ContentType"] = channel["ContentType"]
        return config

    def _resources(self) -> dict[str, Any]:
        resources = self.request.get("ResourceConfig", {})
        groups = resources.get("InstanceGroups") or []
        group = groups[0] if groups else {}
        instance_type = resources.get("InstanceType") or group.get("InstanceType", "ml.m5.large")
        name = group.get("InstanceGroupName", "homogeneousCluster")
        return {
            "current_host": f"algo-{self.host}",
            "current_instance_type": instance_type,
            "current_group_name": name,
            "hosts": self.host_names,
            "instance_groups": [
                {"instance_group_name": name, "instance_type": instance_type, "hosts": self.host_names}
            ],
            "network_interface_name": "eth0",
        }

    def _download_channel(self, channel: Mapping[str, Any], stop: threading.Event) -> None:
        name = channel["ChannelName"]
        folder = self.data / name
        folder.mkdir(parents=True, exist_ok=True)
        source = channel.get("DataSource", {}).get("S3DataSource")
        if source is None:
            raise ClientFailure(
                f"Data download failed:Channel '{name}' reads from a file system, which the sandbox does not"
                " have. Put the data into S3 and use an S3DataSource"
            )
        unpack = channel.get("CompressionType") == "Gzip"
        sharded = source.get("S3DataDistributionType") == "ShardedByS3Key"
        for number, item in enumerate(select(self.services.objects, source)):
            if stop.is_set():
                raise Cancelled
            if sharded and number % self.hosts != self.host - 1:
                continue
            target = folder / local_path(item.relative, uri_of(item.info))
            if unpack:
                self._unpack(item, target.with_suffix("") if target.suffix == ".gz" else target, stop)
            else:
                self._place(item, target)

    def _place(self, item: Source, target: Path, *, writable: bool | None = None) -> None:
        self._take(item.info.size, on_disk=self.writable if writable is None else writable)
        self._make_room_at(item, target)
        try:
            self.services.objects.materialise(
                item.info, target, writable=self.writable if writable is None else writable
            )
        except NoSuchKey:
            raise ClientFailure(
                f"Data download failed:Unable to download object {uri_of(item.info)}"
                " (NoSuchKey: The specified key does not exist.)"
            ) from None

    def _make_room_at(self, item: Source, target: Path) -> None:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            taken = target.is_dir() or target.exists()
        except (FileExistsError, NotADirectoryError):
            taken = True
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            raise ClientFailure(
                f"Data download failed:The object {uri_of(item.info)} has a key too long for a file name"
            ) from None
        if taken:
            raise ClientFailure(
                f"Data download failed:The object {uri_of(item.info)} and another one of the same channel"
                f" cannot both be the file {target.relative_to(self.data)}"
            )

    def _take(self, size: int, *, on_disk: bool) -> None:
        """Count bytes against the job's volume and, where they are written, against the disk."""
        self._room -= size
        if self._room < 0:
            gigabytes = self.request.get("ResourceConfig", {}).get("VolumeSizeInGB", 30)
            raise ClientFailure(
                f"Data download failed:The data does not fit the volume of {gigabytes} GB."
                " Raise VolumeSizeInGB or give the job less data"
            )
        if on_disk and shutil.disk_usage(self.base).free - size < _RESERVE:
            raise ClientFailure("Data download failed:No space left on device")

    def _unpack(self, item: Source, target: Path, stop: threading.Event) -> None:
        """Decompress an object as a stream, never beyond the volume, however much it claims to hold."""
        self._make_room_at(item, target)
        try:
            with (
                self.services.objects.open(item.info) as raw,
                gzip.open(raw) as plain,
                target.open("xb") as stream,
            ):
                while block := plain.read(_BLOCK):
                    if stop.is_set():
                        raise Cancelled
                    self._take(len(block), on_disk=True)
                    stream.write(block)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ClientFailure(
                f"Data download failed:The object {uri_of(item.info)} is not a whole gzip file ({error}),"
                " and CompressionType of its channel is Gzip"
            ) from None

    def _download_checkpoints(self, stop: threading.Event) -> None:
        config = self.request.get("CheckpointConfig")
        if not config:
            return
        bucket, prefix = parse_uri(config["S3Uri"])
        prefix = prefix.rstrip("/") + "/" if prefix else ""
        try:
            for info in self.services.objects.list(bucket, prefix):
                if stop.is_set():
                    raise Cancelled
                if not info.key.endswith("/"):
                    relative = info.key[len(prefix) :]
                    target = self.checkpoints / local_path(relative, uri_of(info))
                    self._place(Source(info, relative), target, writable=True)
        except NoSuchBucket:
            raise ClientFailure(
                f"Data download failed:Unable to download object {config['S3Uri']}"
                " (NoSuchBucket: The specified bucket does not exist)"
            ) from None

    def environment(self) -> dict[str, str]:
        """Return the environment of the container's process: the contract's variables, no others."""
        request, services = self.request, self.services
        hyperparameters = {key: _decoded(value) for key, value in request.get("HyperParameters", {}).items()}
        resources = self._resources()
        names = [channel["ChannelName"] for channel in self.channels()]
        env = dict(request.get("Environment", {}))
        env.update(account_environment(services))
        env.update(
            {
                "SAGEMAKER_BASE_DIR": str(self.base),
                **_image(request.get("AlgorithmSpecification", {})),
                "TRAINING_JOB_NAME": request["TrainingJobName"],
                "TRAINING_JOB_ARN": request["TrainingJobArn"],
                "SM_MODEL_DIR": str(self.model),
                "SM_OUTPUT_DIR": str(self.output),
                "SM_OUTPUT_DATA_DIR": str(self.output / "data"),
                "SM_INPUT_DIR": str(self.base / "input"),
                "SM_INPUT_CONFIG_DIR": str(self.base / "input" / "config"),
                "SM_CHANNELS": json.dumps(sorted(names)),
                "SM_HPS": json.dumps(hyperparameters),
                "SM_CURRENT_HOST": f"algo-{self.host}",
                "SM_HOSTS": json.dumps(self.host_names),
                "SM_NUM_CPUS": "1",
                "SM_NUM_GPUS": "0",
                "SM_NUM_NEURONS": "0",
                "SM_LOG_LEVEL": "20",
                "SM_NETWORK_INTERFACE_NAME": "eth0",
                "SM_CURRENT_INSTANCE_TYPE": resources["current_instance_type"],
                "SM_CURRENT_INSTANCE_GROUP": resources["current_group_name"],
                "SM_INSTANCE_GROUPS": json.dumps([resources["current_group_name"]]),
                "SM_RESOURCE_CONFIG": json.dumps(resources),
                "SM_INPUT_DATA_CONFIG": json.dumps(
                    {c["ChannelName"]: self._channel(c) for c in self.channels()}
                ),
            }
        )
        for name in names:
            env[f"SM_CHANNEL_{name.upper()}"] = str(self.data / name)
        for key, value in hyperparameters.items():
            env[f"SM_HP_{key.upper()}"] = value if isinstance(value, str) else json.dumps(value)
        return {
            key: value for key, value in env.items() if "\0" not in key + value and "=" not in key and key
        }

    def upload_checkpoints(self) -> None:
        """Put the checkpoints folder back to its place in S3."""
        config = self.request.get("CheckpointConfig")
        if config:
            upload_folder(self.services, self.checkpoints, config["S3Uri"])

    def remove(self) -> None:
        """Delete the whole tree."""
        remove_tree(self.base)


def _checkpoint_path(request: Mapping[str, Any]) -> str:
    """Return where a job keeps its checkpoints: its LocalPath if that is a free folder below /opt/ml."""
    wanted = posixpath.normpath((request.get("CheckpointConfig") or {}).get("LocalPath") or CHECKPOINTS)
    parts = wanted.split("/")
    inside = parts[:3] == ["", "opt", "ml"] and len(parts) > 3 and parts[3] not in _TAKEN
    return wanted if inside else CHECKPOINTS


def upload_folder(services: Services, folder: Path, uri: str) -> int:
    """Store every regular file below a folder under an S3 URI (the files are moved); their number."""
    bucket, prefix = parse_uri(uri)
    prefix = prefix.rstrip("/") + "/" if prefix else ""
    files = [path for path in walk(folder) if path.is_file() and not path.is_symlink()]
    for path in files:
        services.objects.put_file(bucket, prefix + path.relative_to(folder).as_posix(), path)
    return len(files)


def account_environment(services: Services) -> dict[str, str]:
    """Return the AWS variables of a container: the sandbox's endpoint and credentials, nobody else's."""
    keys = services.credentials
    env = {
        "AWS_REGION": services.region,
        "AWS_DEFAULT_REGION": services.region,
        "AWS_ENDPOINT_URL": services.endpoint_url,
        "AWS_ACCESS_KEY_ID": keys.access_key,
        "AWS_SECRET_ACCESS_KEY": keys.secret_key,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    if keys.session_token:
        env["AWS_SESSION_TOKEN"] = keys.session_token
    return env


def remove_tree(folder: Path) -> None:
    """Delete a folder, also one whose sub-folders a container made unreadable."""
    for folder_path, names, _ in os.walk(folder):
        for name in names:
            path = os.path.join(folder_path, name)  # noqa: PTH118
            if not os.path.islink(path) and not os.access(path, os.R_OK | os.X_OK | os.W_OK):  # noqa: PTH114
                os.chmod(path, 0o700)  # noqa: PTH101
    shutil.rmtree(folder, ignore_errors=True)


def _image(specification: Mapping[str, Any]) -> dict[str, str]:
    """Return what a framework image must know besides: its own name, and the entry point in its place."""
    env = {"SAGEWIZARD_IMAGE": str(specification.get("TrainingImage", ""))}
    if specification.get("ContainerEntrypoint"):
        command = [*specification["ContainerEntrypoint"], *specification.get("ContainerArguments", [])]
        env["SAGEWIZARD_ENTRYPOINT"] = json.dumps(command)
    return env


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def _decoded(value: str) -> Any:
    """Decode a hyperparameter as the training toolkit does: JSON where it is JSON, else the text."""
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value
