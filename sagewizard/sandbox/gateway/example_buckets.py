"""The public buckets that tutorials read: they exist, can only be read, and hold what this machine has.

An object comes from the folder SAGEWIZARD_DATA, either at `<bucket>/<key>` in it or, for the datasets that
the package knows, from the dataset's own folder there or in the cache. It is copied into the object store
when it is first asked for, so that jobs read it as they read every other object.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import orjson

from sagewizard.sandbox.gateway.errors import AwsError
from sagewizard.sandbox.store.objects import BucketExists

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sagewizard.sandbox.gateway.s3.wire import Call
    from sagewizard.sandbox.store.objects import ObjectStore

_log = logging.getLogger(__name__)
_REGION = r"[a-z]{2}(?:-[a-z]+)+-\d"
_FILES = re.compile(rf"sagemaker-example-files-prod-{_REGION}|sagemaker-sample-files")
_DATA = re.compile(rf"sagemaker-sample-data-{_REGION}")
_OTHERS = re.compile(r"aws-ml-blog-sagemaker-census-segmentation|example-notebooks-data-config")
# Has datasets beside JumpStart's models; it exists once somebody has put some of them below SAGEWIZARD_DATA.
_JUMPSTART = re.compile(rf"jumpstart-cache-prod-{_REGION}")
# (bucket, key, folder and name of the dataset's file)
_PLACES = (
    (_FILES, "datasets/image/MNIST/mnist.pkl.gz", "mnist", "mnist.pkl.gz"),
    (_DATA, "algorithms/kmeans/mnist/mnist.pkl.gz", "mnist", "mnist.pkl.gz"),
    (_FILES, "datasets/tabular/uci_abalone/abalone.csv", "abalone", "abalone.csv"),
    (_FILES, "datasets/tabular/iris/iris.data", "iris", "iris.data"),
)
# The same for what tutorials read in another form than the dataset's own file has.
_LIBSVM = (_FILES, "datasets/tabular/uci_abalone/abalone.libsvm", "abalone", "abalone.csv")
_SEXES = {"M": 1, "F": 2, "I": 3}
_URI = re.compile(rb"s3://([a-z0-9.\-]{3,63})")
_CONFIG = ("example-notebooks-data-config", "config/data_config.json")
_READING = frozenset({"GET", "HEAD"})


def is_example_bucket(name: str) -> bool:
    """Tell whether a bucket is one of the public ones."""
    return any(pattern.fullmatch(name) for pattern in (_FILES, _DATA, _OTHERS, _JUMPSTART))


@dataclass(frozen=True, slots=True)
class Offer:
    """A file of this machine, the key under which an example bucket has it, and the form it has there."""

    key: str
    path: Path
    form: Callable[[bytes], bytes] | None = None


class ExampleBuckets:
    """Keeps the public buckets in the object store; `data` is SAGEWIZARD_DATA, `cache` the downloads."""

    def __init__(self, objects: ObjectStore, data: Path | None, cache: Path) -> None:
        self._objects, self._data, self._cache = objects, data, cache
        self._lock = threading.Lock()
        self._copied: dict[tuple[str, str], tuple[Path, int, int]] = {}

    def _has(self, bucket: str) -> bool:
        if _JUMPSTART.fullmatch(bucket):
            return self._data is not None and (self._data / bucket).is_dir()
        return is_example_bucket(bucket)

    def prepare(self, call: Call) -> None:
        """Get a bucket ready for a request, when it is a public one; AwsError 403 when it would change it."""
        bucket = call.bucket
        source = unquote(call.headers.get("x-amz-copy-source", "")).lstrip("/").partition("/")
        if self._has(source[0]):
            self.fill(source[0], source[2].partition("?")[0])
        if not self._has(bucket):
            return
        if call.method not in _READING:
            text = (
                f"Access Denied: {bucket} is a public bucket of example data, which can only be read."
                " Write to a bucket of your own."
            )
            raise AwsError("AccessDenied", text, 403)
        self.fill(bucket, call.key)

    def mentioned(self, body: bytes) -> None:
        """Get the public buckets ready that a request to another service names, as a job's input does."""
        for name in set(_URI.findall(body)):
            if self._has(bucket := name.decode("ascii")):
                self.fill(bucket)

    def fill(self, bucket: str, key: str = "") -> None:
        """Bring a public bucket up to date with this machine's files: one key, or all of them."""
        if not self._objects.bucket_exists(bucket):
            region = re.search(rf"-({_REGION})$", bucket)
            with contextlib.suppress(BucketExists):  # by another request just now
                self._objects.create_bucket(bucket, region[1] if region is not None else "us-east-1")
        if (bucket, key) == _CONFIG or (bucket == _CONFIG[0] and not key):
            self._write_config()
        for offer in self._offers(bucket, key):
            try:
                self._copy(bucket, offer)
            except (OSError, ValueError) as error:
                _log.warning("%s cannot be served as s3://%s/%s: %s", offer.path, bucket, offer.key, error)

    def explain(self, bucket: str, key: str) -> AwsError | None:
        """Return the error for an object that an example bucket lacks; None for other buckets."""
        if not self._has(bucket):
            return None
        data = "SAGEWIZARD_DATA"
        places = [f"${data}/{bucket}/{key}"]
        places += [
            f"${data}/{f}/{n}" for p, k, f, n in (*_PLACES, _LIBSVM) if k == key and p.fullmatch(bucket)
        ]
        state = f"{data} is {self._data}" if self._data is not None else f"{data} is not set"
        text = (
            f"The specified key does not exist. The sandbox has no copy of s3://{bucket}/{key}. Put the file"
            f" at {' or '.join(places)} and start the sandbox with that variable ({state}):"
            " `sagewizard sandbox stop`, then the command again."
        )
        return AwsError("NoSuchKey", text, 404, fields={"Key": key})

    def _offers(self, bucket: str, key: str) -> Iterator[Offer]:
        for place in (*_PLACES, _LIBSVM):
            pattern, known, folder, name = place
            if key in ("", known) and pattern.fullmatch(bucket):
                path = self._dataset(folder, name)
                if path is not None:
                    yield Offer(known, path, abalone_as_libsvm if place is _LIBSVM else None)
        if self._data is None:
            return
        own = self._data / bucket
        if key:
            path = own / key
            if path.is_file() and path.resolve().is_relative_to(own.resolve()):
                yield Offer(key, path)
        elif own.is_dir():
            for path in sorted(own.rglob("*")):
                if path.is_file() and path.resolve().is_relative_to(own.resolve()):
                    yield Offer(path.relative_to(own).as_posix(), path)

    def _dataset(self, folder: str, name: str) -> Path | None:
        """Find a known dataset's file: in SAGEWIZARD_DATA, or in the cache, under its SHA-256."""
        if self._data is not None and (path := self._data / folder / name).is_file():
            return path
        cached = self._cache / folder
        found = sorted(cached.glob(f"{'[0-9a-f]' * 64}.{name}")) if cached.is_dir() else []
        return found[0] if found else None

    def _copy(self, bucket: str, offer: Offer) -> None:
        stat = offer.path.stat()
        seen = (offer.path, stat.st_mtime_ns, stat.st_size)
        with self._lock:
            if self._copied.get((bucket, offer.key)) == seen and self._objects.head(bucket, offer.key):
                return
            if offer.form is not None:
                self._objects.put(bucket, offer.key, offer.form(offer.path.read_bytes()))
            else:
                with offer.path.open("rb") as file:
                    self._objects.put(bucket, offer.key, file)
            self._copied[bucket, offer.key] = seen

    def _write_config(self) -> None:
        """Write what the SDK's S3DataConfig reads: region to bucket of example files."""
        bucket, key = _CONFIG
        body = orjson.dumps({"default": "sagemaker-example-files-prod-us-east-1"})
        if self._objects.head(bucket, key) is None:
            self._objects.put(bucket, key, body, content_type="application/json")


def abalone_as_libsvm(table: bytes) -> bytes:
    """Write UCI's abalone table as tutorials read it: rings, then 1:sex (M 1, F 2, I 3) to 8:shell weight.

    ValueError where a line has other than nine columns or another sex.
    """
    lines = []
    for number, line in enumerate(table.decode("ascii").split(), 1):
        sex, *measures, rings = line.split(",")
        if len(measures) != 7 or sex not in _SEXES:
            raise ValueError(f"line {number} is not one of UCI's abalone table")
        values = " ".join(f"{place}:{value}" for place, value in enumerate(measures, 2))
        lines.append(f"{rings} 1:{_SEXES[sex]} {values}\n")
    return "".join(lines).encode()


def of_server(objects: ObjectStore, folder: Path) -> ExampleBuckets:
    """Make the public buckets of a server whose folder is `<home>/sandbox`, as the program's settings are."""
    data = os.environ.get("SAGEWIZARD_DATA", "").strip()
    return ExampleBuckets(
        objects, Path(data).expanduser().absolute() if data else None, folder.parent / "cache"
    )
