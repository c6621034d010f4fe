"""Data capture: writes what an endpoint was asked and answered to S3, as JSON lines for Model Monitor.

Layout of a record and of the keys: "Capture data" in the SageMaker developer guide.
"""

from __future__ import annotations

import base64
import logging
import threading
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from sagewizard.sandbox.compute.s3data import split_s3_uri

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagewizard.sandbox.services import Services

_log = logging.getLogger(__name__)
# AWS gathers for minutes; here somebody who has just predicted wants to see the file.
_GATHER_SECONDS = 1.0
_MOST_RECORDS = 500
_INFERENCE_ID = "X-Amzn-SageMaker-Inference-Id"
_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request that was answered; times are epoch seconds."""

    headers: Mapping[str, str]
    body: bytes
    answered_type: str
    answer: bytes
    at: float


def record(config: Mapping[str, Any], exchange: Exchange) -> dict[str, Any]:
    """Return the captured record of an exchange, as DataCaptureConfig asks for it."""
    modes = {option["CaptureMode"] for option in config["CaptureOptions"]}
    both = "InputAndOutput" in modes
    data = {}
    if both or "Input" in modes:
        kind = exchange.headers.get("Content-Type", "application/octet-stream")
        data["endpointInput"] = _side(config, "INPUT", kind, exchange.body)
    if both or "Output" in modes:
        data["endpointOutput"] = _side(config, "OUTPUT", exchange.answered_type, exchange.answer)
    when = datetime.fromtimestamp(exchange.at, UTC)
    metadata: dict[str, Any] = {
        "eventId": str(uuid.uuid4()),
        "inferenceTime": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    if _ATTRIBUTES in exchange.headers:
        metadata["customAttributes"] = [exchange.headers[_ATTRIBUTES]]
    if _INFERENCE_ID in exchange.headers:
        metadata["inferenceId"] = exchange.headers[_INFERENCE_ID]
    return {"captureData": data, "eventMetadata": metadata, "eventVersion": "0"}


def _side(config: Mapping[str, Any], mode: str, content_type: str, body: bytes) -> dict[str, str]:
    """Write one side: as text for the content types that the configuration lists, else in base64."""
    types = config.get("CaptureContentTypeHeader") or {}
    plain = content_type.partition(";")[0].strip().lower()
    encoding = "BASE64"
    if plain in {each.lower() for each in types.get("CsvContentTypes", ())}:
        encoding = "CSV"
    elif plain in {each.lower() for each in types.get("JsonContentTypes", ())}:
        encoding = "JSON"
    data = base64.b64encode(body).decode()
    if encoding != "BASE64":
        try:
            data = body.decode("utf-8")
        except UnicodeDecodeError:
            encoding = "BASE64"
    return {"observedContentType": content_type, "mode": mode, "data": data, "encoding": encoding}


class Capture:
    """Gathers the records of one endpoint and writes them, a file a variant and second at most.

    Of every 100 requests exactly InitialSamplingPercentage are captured, evenly spread. (AWS draws.)
    """

    def __init__(self, services: Services, endpoint: str, config: Mapping[str, Any]) -> None:
        self._services, self._endpoint, self._config = services, endpoint, config
        self._percentage = int(config["InitialSamplingPercentage"])
        self._credit = 0
        self._lock = threading.Lock()
        self._pending: dict[str, list[bytes]] = {}
        self._writer: threading.Thread | None = None
        self._closed = threading.Event()

    def take(self, variant: str, exchange: Exchange) -> None:
        """Keep an exchange, when it is its turn; it is written within a second."""
        with self._lock:
            self._credit += self._percentage
            if self._credit < 100:
                return
            self._credit -= 100
        line = orjson.dumps(record(self._config, exchange)) + b"\n"
        with self._lock:
            lines = self._pending.setdefault(variant, [])
            lines.append(line)
            full = len(lines) >= _MOST_RECORDS
            if self._writer is None and not self._closed.is_set():
                self._writer = threading.Thread(target=self._write_later, name="data capture", daemon=True)
                self._writer.start()
        if full or self._closed.is_set():
            self.flush()

    def _write_later(self) -> None:
        self._services.clock.wait(self._closed, _GATHER_SECONDS)
        with self._lock:
            self._writer = None
        self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        with self._lock:
            pending, self._pending = self._pending, {}
        bucket, prefix = split_s3_uri(self._config["DestinationS3Uri"])
        for variant, lines in pending.items():
            now = datetime.fromtimestamp(self._services.clock.now(), UTC)
            name = f"{now:%M-%S}-{now.microsecond // 1000:03d}-{uuid.uuid4()}.jsonl"
            parts = [prefix.strip("/"), self._endpoint, variant, f"{now:%Y/%m/%d/%H}", name]
            key = "/".join(part for part in parts if part)
            try:
                self._services.objects.put(bucket, key, b"".join(lines), content_type="application/jsonlines")
            except (LookupError, OSError):
                _log.exception("data capture of endpoint %s to %s", self._endpoint, bucket)

    def close(self) -> None:
        """Write the rest; later exchanges are written one by one."""
        self._closed.set()
        self.flush()
