"""The S3 objects of the sandbox: an index in SQLite over immutable payload files on disk."""

from __future__ import annotations

import errno
import json
import os
import shutil
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from sagewizard.sandbox.store.payloads import BLOCK, PayloadFolder, Staged

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from sagewizard.clock import Clock
    from sagewizard.sandbox.store.database import Database

DEFAULT_CONTENT_TYPE = "binary/octet-stream"
_FIRST_PAGE, _PAGE = 16, 1000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS s3_buckets (
    name TEXT PRIMARY KEY, region TEXT NOT NULL, created REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS s3_objects (
    bucket TEXT NOT NULL REFERENCES s3_buckets (name), key TEXT NOT NULL,
    size INTEGER NOT NULL, etag TEXT NOT NULL, modified REAL NOT NULL, content_type TEXT NOT NULL,
    metadata TEXT NOT NULL, headers TEXT NOT NULL, checksums TEXT NOT NULL, tags TEXT NOT NULL,
    part_sizes TEXT NOT NULL, payload TEXT NOT NULL, PRIMARY KEY (bucket, key)
) WITHOUT ROWID;
"""


class NoSuchBucket(LookupError):  # noqa: N818  the name S3 gives it
    """The bucket does not exist."""


class NoSuchKey(LookupError):  # noqa: N818
    """The bucket has no object of that key."""


class BucketExists(ValueError):  # noqa: N818
    """A bucket of that name exists."""


class BucketNotEmpty(ValueError):  # noqa: N818
    """A bucket that still holds objects cannot be deleted."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One object as the index knows it.

    `etag` is without quotes: the MD5, or `<md5 of the parts' md5s>-<parts>`. `modified` is in seconds since
    the epoch. `headers` are the stored ones (Content-Encoding, Cache-Control ...) by lower-case name,
    `checksums` are base64 by algorithm in lower case, `part_sizes` is empty unless it came up in parts.
    `path` is the payload file: immutable, and gone once the object is overwritten or deleted.
    """

    bucket: str
    key: str
    size: int
    etag: str
    modified: float
    content_type: str
    metadata: dict[str, str]
    path: Path
    headers: dict[str, str] = field(default_factory=dict)
    checksums: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    part_sizes: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class BucketInfo:
    """One bucket; `created` is in seconds since the epoch."""

    name: str
    region: str
    created: float


class ObjectStore:
    """Objects by bucket and key; each change is one transaction, a payload is whole before it is named."""

    def __init__(self, folder: Path, database: Database, clock: Clock) -> None:
        self.payloads = PayloadFolder(folder)
        self.database = database
        self.clock = clock
        database.script(_SCHEMA)

    # Buckets

    def create_bucket(self, bucket: str, region: str) -> None:
        """Make a bucket; raises BucketExists."""
        with self.database.transaction() as connection:
            if self.bucket(bucket) is not None:
                raise BucketExists(bucket)
            connection.execute("INSERT INTO s3_buckets VALUES (?, ?, ?)", (bucket, region, self.clock.now()))

    def bucket(self, bucket: str) -> BucketInfo | None:
        """Look a bucket up by its name."""
        rows = self.database.query("SELECT * FROM s3_buckets WHERE name = ?", (bucket,))
        return BucketInfo(*rows[0]) if rows else None

    def bucket_exists(self, bucket: str) -> bool:
        """Tell whether there is such a bucket."""
        return self.bucket(bucket) is not None

    def buckets(self) -> list[BucketInfo]:
        """Return all buckets by name."""
        return [BucketInfo(*row) for row in self.database.query("SELECT * FROM s3_buckets ORDER BY name")]

    def delete_bucket(self, bucket: str) -> None:
        """Delete an empty bucket; raises NoSuchBucket or BucketNotEmpty."""
        with self.database.transaction() as connection:
            self.require_bucket(bucket)
            if self.database.query("SELECT 1 FROM s3_objects WHERE bucket = ? LIMIT 1", (bucket,)):
                raise BucketNotEmpty(bucket)
            connection.execute("DELETE FROM s3_buckets WHERE name = ?", (bucket,))

    def require_bucket(self, bucket: str) -> BucketInfo:
        """Return the bucket or raise NoSuchBucket."""
        info = self.bucket(bucket)
        if info is None:
            raise NoSuchBucket(bucket)
        return info

    # Writing

    def put(
        self,
        bucket: str,
        key: str,
        source: bytes | BinaryIO,
        *,
        content_type: str = DEFAULT_CONTENT_TYPE,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        """Store an object from bytes or a binary stream, read in blocks of 256 KiB; raises NoSuchBucket."""
        self.require_bucket(bucket)
        staged = self.payloads.stage(source)
        return self.commit(bucket, key, staged, content_type=content_type, metadata=metadata)

    def put_file(
        self, bucket: str, key: str, path: Path, *, content_type: str = DEFAULT_CONTENT_TYPE
    ) -> ObjectInfo:
        """Store a file by moving it in (copying it from another file system); the file is gone afterwards."""
        self.require_bucket(bucket)
        return self.commit(bucket, key, self.payloads.stage_file(path), content_type=content_type)

    def commit(
        self,
        bucket: str,
        key: str,
        staged: Staged,
        *,
        content_type: str = DEFAULT_CONTENT_TYPE,
        metadata: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        checksums: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        etag: str | None = None,
        part_sizes: list[int] | None = None,
        condition: Callable[[ObjectInfo | None], None] | None = None,
        also: Callable[[sqlite3.Connection], None] | None = None,
    ) -> ObjectInfo:
        """Name a staged payload; what had that name before is removed after the transaction.

        `condition` sees the present object inside the transaction and may raise; `also` runs in the same
        transaction. When anything raises, the staged payload is discarded and nothing has changed.
        """
        now = self.clock.now()
        encoded = [json.dumps(dict(part or {})) for part in (metadata, headers, checksums, tags)]
        try:
            with self.database.transaction() as connection:
                self.require_bucket(bucket)
                old = self._payload_of(bucket, key)
                if condition is not None:
                    condition(self.head(bucket, key))
                connection.execute(
                    "INSERT OR REPLACE INTO s3_objects VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        bucket,
                        key,
                        staged.size,
                        etag or staged.md5,
                        now,
                        content_type,
                        *encoded,
                        json.dumps(part_sizes or []),
                        staged.name,
                    ),
                )
                if also is not None:
                    also(connection)
                self.database.after_commit(partial(self.payloads.unlink, old))
        except BaseException:
            staged.discard()
            raise
        return ObjectInfo(
            bucket=bucket,
            key=key,
            size=staged.size,
            etag=etag or staged.md5,
            modified=now,
            content_type=content_type,
            metadata=dict(metadata or {}),
            path=staged.path,
            headers=dict(headers or {}),
            checksums=dict(checksums or {}),
            tags=dict(tags or {}),
            part_sizes=list(part_sizes or []),
        )

    def set_tags(self, bucket: str, key: str, tags: Mapping[str, str]) -> None:
        """Replace the tags of an object; raises NoSuchKey."""
        with self.database.transaction() as connection:
            done = connection.execute(
                "UPDATE s3_objects SET tags = ? WHERE bucket = ? AND key = ?",
                (json.dumps(dict(tags)), bucket, key),
            )
            if not done.rowcount:
                raise NoSuchKey(key)

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object; deleting what is not there is no error. Raises NoSuchBucket."""
        with self.database.transaction() as connection:
            self.require_bucket(bucket)
            old = self._payload_of(bucket, key)
            connection.execute("DELETE FROM s3_objects WHERE bucket = ? AND key = ?", (bucket, key))
            self.database.after_commit(partial(self.payloads.unlink, old))

    # Reading

    def head(self, bucket: str, key: str) -> ObjectInfo | None:
        """Look an object up; None when the bucket or the key is not there."""
        rows = self.database.query("SELECT * FROM s3_objects WHERE bucket = ? AND key = ?", (bucket, key))
        return self._info(rows[0]) if rows else None

    def open(self, info: ObjectInfo) -> BinaryIO:
        """Open the payload for reading; when the object was replaced since, the new one. Raises NoSuchKey."""
        return self.read(info.bucket, info.key, info)[1]

    def read(self, bucket: str, key: str, info: ObjectInfo | None = None) -> tuple[ObjectInfo, BinaryIO]:
        """Look an object up and open it, as one: the info describes the bytes. Raises NoSuchKey.

        An open payload stays readable when the object is overwritten or deleted meanwhile.
        """
        current = info or self.head(bucket, key)
        while current is not None:
            try:
                return current, current.path.open("rb", buffering=0)
            except FileNotFoundError:
                fresh = self.head(bucket, key)
                if fresh is not None and fresh.path == current.path:
                    raise
                current = fresh
        raise NoSuchKey(key)

    def list(self, bucket: str, prefix: str = "", start_after: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects below a prefix in UTF-8 order of their keys, a thousand rows in memory at most.

        Raises NoSuchBucket at the first step. Objects that come or go meanwhile may or may not be seen.
        """
        self.require_bucket(bucket)
        lowest, strict = (start_after, True) if start_after >= prefix else (prefix, False)
        yield from self.scan(bucket, prefix, lowest, strict=strict)

    def scan(self, bucket: str, prefix: str, lowest: str, *, strict: bool) -> Iterator[ObjectInfo]:
        """Yield objects below `prefix` whose key is above `lowest` (or equal to it, when not strict)."""
        highest = successor(prefix)
        size = _FIRST_PAGE  # Grows, because a listing with a delimiter often takes one row and jumps on.
        while True:
            sql = f"SELECT * FROM s3_objects WHERE bucket = ? AND key {'>' if strict else '>='} ?"  # noqa: S608
            args: list[Any] = [bucket, lowest]
            if highest is not None:
                sql += " AND key < ?"
                args.append(highest)
            rows = self.database.query(sql + " ORDER BY key LIMIT ?", [*args, size])
            yield from map(self._info, rows)
            if len(rows) < size:
                return
            lowest, strict, size = rows[-1]["key"], True, min(size * 4, _PAGE)

    def materialise(self, info: ObjectInfo, destination: Path, *, writable: bool) -> None:
        """Put the object's bytes at a path that does not exist yet; raises NoSuchKey when it is gone.

        Read-only use gets a hard link (no bytes are copied; mode 0400), writable use gets a copy.
        """
        current, file = self.read(info.bucket, info.key, info)
        with file:
            if not writable:
                try:
                    os.link(current.path, destination)
                except FileNotFoundError:
                    pass  # Replaced between open and link: the open file still has the bytes.
                except OSError as error:
                    if error.errno not in {errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP}:
                        raise
                else:
                    return
            with destination.open("xb") as target:
                shutil.copyfileobj(file, target, BLOCK)

    def sweep(self) -> int:
        """Remove payload files that an interrupted write left behind; for the start, before any writer."""
        known = {row[0] for row in self.database.query("SELECT payload FROM s3_objects")}
        if self.database.query("SELECT 1 FROM sqlite_master WHERE name = 's3_parts'"):
            known.update(row[0] for row in self.database.query("SELECT payload FROM s3_parts"))
        return self.payloads.sweep(known)

    def _payload_of(self, bucket: str, key: str) -> tuple[str, ...]:
        sql = "SELECT payload FROM s3_objects WHERE bucket = ? AND key = ?"
        return tuple(row[0] for row in self.database.query(sql, (bucket, key)))

    def _info(self, row: sqlite3.Row) -> ObjectInfo:
        return ObjectInfo(
            bucket=row["bucket"],
            key=row["key"],
            size=row["size"],
            etag=row["etag"],
            modified=row["modified"],
            content_type=row["content_type"],
            metadata=json.loads(row["metadata"]),
            path=self.payloads.path(row["payload"]),
            headers=json.loads(row["headers"]),
            checksums=json.loads(row["checksums"]),
            tags=json.loads(row["tags"]),
            part_sizes=json.loads(row["part_sizes"]),
        )


def successor(text: str) -> str | None:
    """Return the smallest text above all that start with `text`, in UTF-8 order; None when there is none."""
    for position in range(len(text) - 1, -1, -1):
        code = ord(text[position])
        if code < 0x10FFFF:
            following = 0xE000 if code == 0xD7FF else code + 1
            return text[:position] + chr(following)
    return None
