"""Multipart uploads: parts are payload files of their own until an upload is completed into one object."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from sagewizard.sandbox.store.objects import ObjectInfo, ObjectStore
    from sagewizard.sandbox.store.payloads import Staged

SMALLEST_PART = 5 << 20
_SCHEMA = """
CREATE TABLE IF NOT EXISTS s3_uploads (
    id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL, initiated REAL NOT NULL,
    content_type TEXT NOT NULL, metadata TEXT NOT NULL, headers TEXT NOT NULL, tags TEXT NOT NULL,
    checksum_algorithm TEXT NOT NULL, checksum_type TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS s3_uploads_by_key ON s3_uploads (bucket, key, id);
CREATE TABLE IF NOT EXISTS s3_parts (
    upload TEXT NOT NULL REFERENCES s3_uploads (id) ON DELETE CASCADE, number INTEGER NOT NULL,
    size INTEGER NOT NULL, etag TEXT NOT NULL, modified REAL NOT NULL, checksums TEXT NOT NULL,
    payload TEXT NOT NULL, PRIMARY KEY (upload, number)
) WITHOUT ROWID;
"""


class NoSuchUpload(LookupError):  # noqa: N818  the name S3 gives it
    """The upload never was, was completed or was aborted."""


class InvalidPart(ValueError):  # noqa: N818
    """A part that is to be completed was not uploaded, or has another ETag."""

    def __init__(self, number: int, etag: str) -> None:
        super().__init__(f"part {number} with ETag {etag}")
        self.number, self.etag = number, etag


class PartsOutOfOrder(ValueError):  # noqa: N818
    """The parts of a completion do not have rising numbers."""


class PartTooSmall(ValueError):  # noqa: N818
    """A part other than the last is smaller than 5 MiB."""

    def __init__(self, part: Part) -> None:
        super().__init__(f"part {part.number} has {part.size} bytes")
        self.part = part


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload under way; times are seconds since the epoch, the rest as in ObjectInfo."""

    id: str
    bucket: str
    key: str
    initiated: float
    content_type: str
    metadata: dict[str, str]
    headers: dict[str, str]
    tags: dict[str, str]
    checksum_algorithm: str
    checksum_type: str


@dataclass(frozen=True, slots=True)
class Part:
    """One uploaded part; `etag` is its MD5 in hexadecimal."""

    number: int
    size: int
    etag: str
    modified: float
    checksums: dict[str, str]
    path: Path


class UploadStore:
    """Uploads and their parts, as durable as objects are."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._database = objects.database
        self._database.script(_SCHEMA)

    def create(
        self,
        bucket: str,
        key: str,
        *,
        content_type: str,
        metadata: Mapping[str, str],
        headers: Mapping[str, str],
        tags: Mapping[str, str],
        checksum_algorithm: str = "",
        checksum_type: str = "",
    ) -> Upload:
        """Begin an upload; raises NoSuchBucket."""
        upload = Upload(
            secrets.token_urlsafe(48),
            bucket,
            key,
            self._objects.clock.now(),
            content_type,
            dict(metadata),
            dict(headers),
            dict(tags),
            checksum_algorithm,
            checksum_type,
        )
        encoded = [json.dumps(part) for part in (upload.metadata, upload.headers, upload.tags)]
        with self._database.transaction() as connection:
            self._objects.require_bucket(bucket)
            connection.execute(
                "INSERT INTO s3_uploads VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(upload.id, bucket, key, upload.initiated, content_type, *encoded),
                    *(checksum_algorithm, checksum_type),
                ),
            )
        return upload

    def get(self, bucket: str, key: str, identity: str) -> Upload:
        """Look an upload up; raises NoSuchUpload."""
        sql = "SELECT * FROM s3_uploads WHERE id = ? AND bucket = ? AND key = ?"
        rows = self._database.query(sql, (identity, bucket, key))
        if not rows:
            raise NoSuchUpload(identity)
        return _upload(rows[0])

    def add_part(self, upload: Upload, number: int, staged: Staged, checksums: Mapping[str, str]) -> Part:
        """Name a staged payload as a part, in place of an earlier one of that number; raises NoSuchUpload."""
        now = self._objects.clock.now()
        encoded = json.dumps(dict(checksums))
        sql = "SELECT payload FROM s3_parts WHERE upload = ? AND number = ?"
        try:
            with self._database.transaction() as connection:
                self.get(upload.bucket, upload.key, upload.id)
                old = [row[0] for row in self._database.query(sql, (upload.id, number))]
                connection.execute(
                    "INSERT OR REPLACE INTO s3_parts VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        upload.id,
                        number,
                        staged.size,
                        staged.md5,
                        now,
                        encoded,
                        staged.name,
                    ),
                )
                self._database.after_commit(partial(self._objects.payloads.unlink, old))
        except BaseException:
            staged.discard()
            raise
        return Part(number, staged.size, staged.md5, now, dict(checksums), staged.path)

    def parts(self, upload: Upload) -> list[Part]:
        """Return the parts of an upload by number."""
        sql = "SELECT * FROM s3_parts WHERE upload = ? ORDER BY number"
        return [
            Part(
                row["number"],
                row["size"],
                row["etag"],
                row["modified"],
                json.loads(row["checksums"]),
                self._objects.payloads.path(row["payload"]),
            )
            for row in self._database.query(sql, (upload.id,))
        ]

    def complete(
        self,
        upload: Upload,
        wanted: Sequence[tuple[int, str]],
        *,
        checksums: Callable[[Sequence[Part], Path], Mapping[str, str]],
        condition: Callable[[ObjectInfo | None], None] | None = None,
    ) -> ObjectInfo:
        """Join the wanted parts (number, ETag) to one object and forget the upload.

        `checksums` is asked for those of the whole, from the parts and the joined file. Raises
        PartsOutOfOrder, InvalidPart, PartTooSmall, NoSuchUpload, and whatever `condition` raises.
        """
        numbers = [number for number, _ in wanted]
        if numbers != sorted(set(numbers)):
            raise PartsOutOfOrder
        self.get(upload.bucket, upload.key, upload.id)
        present = {part.number: part for part in self.parts(upload)}
        chosen = []
        for number, etag in wanted:
            part = present.get(number)
            if part is None or part.etag != etag:
                raise InvalidPart(number, etag)
            chosen.append(part)
        for part in chosen[:-1]:
            if part.size < SMALLEST_PART:
                raise PartTooSmall(part)
        joined = b"".join(bytes.fromhex(part.etag) for part in chosen)
        etag = f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(chosen)}"
        payloads = self._objects.payloads
        try:
            if len(chosen) == 1:
                staged = payloads.duplicate(chosen[0].path, chosen[0].size, etag)
            else:
                staged = payloads.concatenate((part.path for part in chosen), etag)
        except FileNotFoundError:  # Aborted, completed or a part replaced since the look at the index.
            raise NoSuchUpload(upload.id) from None
        try:
            sums = checksums(chosen, staged.path)
        except BaseException:
            staged.discard()
            raise
        return self._objects.commit(
            upload.bucket,
            upload.key,
            staged,
            content_type=upload.content_type,
            metadata=upload.metadata,
            headers=upload.headers,
            tags=upload.tags,
            checksums=sums,
            etag=etag,
            part_sizes=[part.size for part in chosen],
            condition=condition,
            also=lambda connection: self._forget(connection, upload.id),
        )

    def abort(self, upload: Upload) -> None:
        """Forget an upload and its parts; raises NoSuchUpload."""
        with self._database.transaction() as connection:
            self._forget(connection, upload.id)

    def list(
        self, bucket: str, prefix: str = "", key_marker: str = "", id_marker: str = "", limit: int = 1000
    ) -> list[Upload]:
        """Return at most `limit` uploads by key and id, those after the markers; raises NoSuchBucket."""
        self._objects.require_bucket(bucket)
        sql = (
            "SELECT * FROM s3_uploads WHERE bucket = ? AND substr(key, 1, ?) = ? "
            "AND (key > ? OR (key = ? AND ? != '' AND id > ?)) ORDER BY key, id LIMIT ?"
        )
        args = (bucket, len(prefix), prefix, key_marker, key_marker, id_marker, id_marker, limit)
        return [_upload(row) for row in self._database.query(sql, args)]

    def delete_bucket(self, bucket: str) -> None:
        """Delete an empty bucket with its unfinished uploads; raises NoSuchBucket or BucketNotEmpty."""
        with self._database.transaction() as connection:
            self._objects.delete_bucket(bucket)
            for row in self._database.query("SELECT id FROM s3_uploads WHERE bucket = ?", (bucket,)):
                self._forget(connection, row[0])

    def _forget(self, connection: sqlite3.Connection, identity: str) -> None:
        rows = self._database.query("SELECT payload FROM s3_parts WHERE upload = ?", (identity,))
        if not connection.execute("DELETE FROM s3_uploads WHERE id = ?", (identity,)).rowcount:
            raise NoSuchUpload(identity)
        self._database.after_commit(partial(self._objects.payloads.unlink, [row[0] for row in rows]))


def _upload(row: sqlite3.Row) -> Upload:
    return Upload(
        row["id"],
        row["bucket"],
        row["key"],
        row["initiated"],
        row["content_type"],
        json.loads(row["metadata"]),
        json.loads(row["headers"]),
        json.loads(row["tags"]),
        row["checksum_algorithm"],
        row["checksum_type"],
    )
