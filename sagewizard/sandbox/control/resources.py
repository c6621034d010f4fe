"""Every SageMaker resource as one row of SQLite, and its tags; each change is one transaction.

Names are unique without regard to case (the service lower-cases them inside ARNs), and kept as written.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagewizard.clock import Clock
    from sagewizard.sandbox.store.database import Database

TRAINING_JOB = "training-job"
TRANSFORM_JOB = "transform-job"
PROCESSING_JOB = "processing-job"
TUNING_JOB = "hyper-parameter-tuning-job"
MODEL = "model"
ENDPOINT_CONFIG = "endpoint-config"
ENDPOINT = "endpoint"
EXPERIMENT = "experiment"
TRIAL = "experiment-trial"
TRIAL_COMPONENT = "experiment-trial-component"
ARTIFACT = "artifact"
ASSOCIATION = "association"

_TABLES = """
CREATE TABLE IF NOT EXISTS sagemaker_resources (
    region TEXT NOT NULL,
    kind TEXT NOT NULL,
    folded_name TEXT NOT NULL,
    name TEXT NOT NULL,
    arn TEXT NOT NULL UNIQUE,
    created REAL NOT NULL,
    modified REAL NOT NULL,
    status TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (region, kind, folded_name)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sagemaker_by_creation ON sagemaker_resources (region, kind, created, name);
CREATE TABLE IF NOT EXISTS sagemaker_tags (
    arn TEXT NOT NULL REFERENCES sagemaker_resources (arn) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (arn, key)
) WITHOUT ROWID;
"""


@dataclass(slots=True)
class Resource:
    """One resource; times are epoch seconds with milliseconds, `body` holds API members and own notes."""

    region: str
    kind: str
    name: str
    arn: str
    created: float
    modified: float
    status: str
    body: dict[str, Any]


class AlreadyExists(Exception):  # noqa: N818 (a state, told apart by callers)
    """The name is taken; `resource` is the one that has it."""

    def __init__(self, resource: Resource) -> None:
        super().__init__(resource.arn)
        self.resource = resource


class Missing(LookupError):  # noqa: N818
    """There is no such resource."""


class Repository:
    """Reads and changes resources; safe from any thread."""

    def __init__(self, database: Database, clock: Clock, account_id: str) -> None:
        self._database = database
        self._clock = clock
        self._account_id = account_id
        database.script(_TABLES)

    def now(self) -> float:
        """Epoch seconds, rounded to the milliseconds that the API carries."""
        return round(self._clock.now(), 3)

    def arn(self, region: str, kind: str, name: str) -> str:
        """Return the ARN that a resource of this name has or would have."""
        return f"arn:aws:sagemaker:{region}:{self._account_id}:{kind}/{name.lower()}"

    def create(
        self,
        region: str,
        kind: str,
        name: str,
        status: str,
        body: dict[str, Any],
        tags: list[dict[str, str]] | None = None,
    ) -> Resource:
        """Add a resource with its tags; AlreadyExists when the name is taken."""
        with self._database.transaction() as connection:
            now = self.now()
            resource = Resource(region, kind, name, self.arn(region, kind, name), now, now, status, body)
            try:
                connection.execute(
                    "INSERT INTO sagemaker_resources VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (region, kind, name.lower(), name, resource.arn, now, now, status, _dump(body)),
                )
            except sqlite3.IntegrityError:
                existing = self.find(region, kind, name)
                assert existing is not None
                raise AlreadyExists(existing) from None
            _insert_tags(connection, resource.arn, tags or [])
        return resource

    def find(self, region: str, kind: str, name: str) -> Resource | None:
        """Return a resource, None when there is none."""
        rows = self._database.query(
            "SELECT * FROM sagemaker_resources WHERE region = ? AND kind = ? AND folded_name = ?",
            (region, kind, name.lower()),
        )
        return _resource(rows[0]) if rows else None

    def by_arn(self, arn: str) -> Resource | None:
        """Return the resource of an ARN, None when there is none."""
        rows = self._database.query("SELECT * FROM sagemaker_resources WHERE arn = ?", (arn,))
        return _resource(rows[0]) if rows else None

    def change(self, region: str, kind: str, name: str, apply: Callable[[Resource], bool | None]) -> Resource:
        """Let `apply` edit status and body inside one transaction, and save them.

        `apply` may raise to leave everything as it is, and returns False when there is nothing to save.
        Raises Missing.
        """
        with self._database.transaction() as connection:
            resource = self.find(region, kind, name)
            if resource is None:
                raise Missing(self.arn(region, kind, name))
            if apply(resource) is not False:
                resource.modified = max(self.now(), resource.modified)
                connection.execute(
                    "UPDATE sagemaker_resources SET modified = ?, status = ?, body = ?"
                    " WHERE region = ? AND kind = ? AND folded_name = ?",
                    (resource.modified, resource.status, _dump(resource.body), region, kind, name.lower()),
                )
        return resource

    def delete(
        self, region: str, kind: str, name: str, check: Callable[[Resource], None] | None = None
    ) -> Resource:
        """Remove a resource and its tags; `check` may raise to keep it. Raises Missing."""
        with self._database.transaction() as connection:
            resource = self.find(region, kind, name)
            if resource is None:
                raise Missing(self.arn(region, kind, name))
            if check is not None:
                check(resource)
            connection.execute(
                "DELETE FROM sagemaker_resources WHERE region = ? AND kind = ? AND folded_name = ?",
                (region, kind, name.lower()),
            )
        return resource

    def select(
        self, conditions: list[str], arguments: list[Any], order: str = "created, name", limit: int = -1
    ) -> list[Resource]:
        """Return resources by SQL conditions; for the list operations and recovery."""
        where = " AND ".join(conditions) or "1"
        rows = self._database.query(
            f"SELECT * FROM sagemaker_resources WHERE {where} ORDER BY {order} LIMIT ?",  # noqa: S608 (constants)
            [*arguments, limit],
        )
        return [_resource(row) for row in rows]

    def tags(self, arn: str) -> list[dict[str, str]]:
        """Return the tags of a resource in the order in which their keys were first added."""
        rows = self._database.query(
            "SELECT key, value FROM sagemaker_tags WHERE arn = ? ORDER BY position", (arn,)
        )
        return [{"Key": row["key"], "Value": row["value"]} for row in rows]

    def add_tags(
        self, arn: str, tags: list[dict[str, str]], check: Callable[[list[dict[str, str]]], None]
    ) -> None:
        """Add or overwrite tags; `check` sees what would be there and may raise. Raises Missing."""
        with self._database.transaction() as connection:
            if self.by_arn(arn) is None:
                raise Missing(arn)
            _insert_tags(connection, arn, tags)
            check(self.tags(arn))

    def delete_tags(self, arn: str, keys: list[str]) -> None:
        """Remove tags; keys that are not there are no error. Raises Missing."""
        with self._database.transaction() as connection:
            if self.by_arn(arn) is None:
                raise Missing(arn)
            connection.executemany(
                "DELETE FROM sagemaker_tags WHERE arn = ? AND key = ?", [(arn, key) for key in keys]
            )


def _insert_tags(connection: sqlite3.Connection, arn: str, tags: list[dict[str, str]]) -> None:
    for tag in tags:
        connection.execute(
            "INSERT INTO sagemaker_tags SELECT ?, COALESCE(MAX(position), 0) + 1, ?, ? FROM sagemaker_tags"
            " WHERE arn = ? ON CONFLICT (arn, key) DO UPDATE SET value = excluded.value",
            (arn, tag["Key"], tag["Value"], arn),
        )


def _dump(body: dict[str, Any]) -> str:
    return orjson.dumps(body).decode()


def _resource(row: sqlite3.Row) -> Resource:
    return Resource(
        region=row["region"],
        kind=row["kind"],
        name=row["name"],
        arn=row["arn"],
        created=row["created"],
        modified=row["modified"],
        status=row["status"],
        body=orjson.loads(row["body"]),
    )
