"""The journal of what moto was told: its state is in memory, so each change is replayed at the next start."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagewizard.clock import Clock
    from sagewizard.sandbox.store.database import Database

LARGEST_BODY = 8 << 20
# Data rather than configuration: of each service only the newest calls are kept, so that a long-lived
# sandbox starts in seconds (a replayed call takes 2 ms).
_BULK = frozenset(
    [
        "PutMetricData",
        "PutLogEvents",
        "PutEvents",
        "PutRecord",
        "PutRecords",
        "Publish",
        "PublishBatch",
        "SendMessage",
        "SendMessageBatch",
        "DeleteMessage",
        "DeleteMessageBatch",
        "ReceiveMessage",
        "PutItem",
        "UpdateItem",
        "BatchWriteItem",
        "DeleteItem",
    ]
)
_MOST_BULK = 2000
_READING = re.compile(
    r"(?:BatchGet|BatchDescribe|Check|Describe|Estimate|Filter|Get|Head|List|Lookup|Preview|Query|Scan|Search|"
    r"Select|Simulate|StartLiveTail|Test|Validate|Verify)"
)
_KEPT_HEADERS = ("content-type", "smithy-protocol", "x-amz-target", "content-md5", "host", "user-agent")
_DROPPED_AMZ = frozenset({"x-amz-content-sha256", "x-amz-date", "x-amz-security-token", "x-amz-target"})
_SCHEMA = """
CREATE TABLE IF NOT EXISTS moto_journal (
    id INTEGER PRIMARY KEY AUTOINCREMENT, service TEXT NOT NULL, region TEXT NOT NULL, action TEXT NOT NULL,
    resource TEXT NOT NULL, method TEXT NOT NULL, uri TEXT NOT NULL, headers TEXT NOT NULL,
    body BLOB NOT NULL, seed INTEGER NOT NULL, bulk INTEGER NOT NULL, at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS moto_journal_by_resource ON moto_journal (service, resource);
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One call: what was sent, and the seed that moto's identifiers came from."""

    service: str
    region: str
    action: str
    resource: str
    method: str
    uri: str
    headers: dict[str, str]
    body: bytes
    seed: int


class Journal:
    """Calls that moto answered with success and that changed something, in order."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        database.script(_SCHEMA)

    def append(self, entry: Entry) -> None:
        """Write one call down; it is durable when this returns."""
        bulk = entry.action in _BULK
        with self._database.transaction() as connection:
            row = connection.execute(
                "INSERT INTO moto_journal (service, region, action, resource, method, uri, headers, body, "
                "seed, bulk, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(entry.service, entry.region, entry.action, entry.resource, entry.method, entry.uri),
                    *(json.dumps(entry.headers), entry.body, entry.seed, bulk, self._clock.now()),
                ),
            )
            if bulk and (row.lastrowid or 0) % 100 == 0:
                connection.execute(
                    "DELETE FROM moto_journal WHERE bulk AND service = ? AND id NOT IN "
                    "(SELECT id FROM moto_journal WHERE bulk AND service = ? ORDER BY id DESC LIMIT ?)",
                    (entry.service, entry.service, _MOST_BULK),
                )

    def entries(self) -> list[Entry]:
        """Return all calls in the order they were made."""
        sql = (
            "SELECT service, region, action, resource, method, uri, headers, body, seed FROM moto_journal "
            "ORDER BY id"
        )
        return [
            Entry(
                service=row["service"],
                region=row["region"],
                action=row["action"],
                resource=row["resource"],
                method=row["method"],
                uri=row["uri"],
                headers=json.loads(row["headers"]),
                body=row["body"],
                seed=row["seed"],
            )
            for row in self._database.query(sql)
        ]

    def forget(self, service: str, resource: str) -> None:
        """Drop every call about one resource."""
        with self._database.transaction() as connection:
            sql = "DELETE FROM moto_journal WHERE service = ? AND resource = ?"
            connection.execute(sql, (service, resource))


def action_of(method: str, uri: str, headers: Mapping[str, str], body: bytes) -> str:
    """Tell the operation a request names, for every protocol but REST, where it is the HTTP method."""
    target = headers.get("x-amz-target", "")
    if target:
        return target.rpartition(".")[2]
    path, _, query = uri.partition("?")
    if "smithy-protocol" in headers:
        return path.rpartition("/")[2]
    form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    for text in (query, body.decode("utf-8", "replace") if form else ""):
        if "Action=" in text:
            values = parse_qs(text).get("Action")
            if values:
                return values[0]
    return method


def changes(method: str, action: str) -> bool:
    """Tell whether a call may change something; when in doubt it may."""
    if action == method:
        return method not in {"GET", "HEAD", "OPTIONS"}
    return _READING.match(action) is None


def kept_headers(headers: Mapping[str, str], access_key: str, region: str, service: str) -> dict[str, str]:
    """Pick the headers a replay needs; the signature is replaced by its credential scope."""
    kept = {name: headers[name] for name in _KEPT_HEADERS if name in headers}
    kept |= {n: v for n, v in headers.items() if n.startswith("x-amz-") and n not in _DROPPED_AMZ}
    scope = f"{access_key}/20260101/{region}/{service}/aws4_request"
    kept["authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    return kept
