"""Owns what instances cost an hour: a dated table, and the Price List API in front of it when it answers."""

from __future__ import annotations

import contextlib
import json
import math
import os
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sagewizard.boto_errors import error_code, is_boto
from sagewizard.clock import SystemClock
from sagewizard.target import Price

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sagewizard.clock import Clock

TABLE_DATE: Final = "2026-11-20"
TABLE_REGION: Final = "us-east-1"
COMPONENTS: Final = ("Training", "Hosting", "Processing", "BatchTransform", "Notebook")
_CALCULATED: Final = frozenset({"ml.m4.xlarge", "ml.c4.xlarge"})
"""Types that are in no current public list: EC2's price times the 1.2 that their siblings have."""


def _everywhere(usd: float) -> dict[str, float]:
    return dict.fromkeys(COMPONENTS, usd)


# USD per hour on demand in us-east-1, from public price lists of 2022 to 2026, gathered on TABLE_DATE.
# Training, hosting, processing and transform of one type cost the same.
TABLE: Final[Mapping[str, Mapping[str, float]]] = {
    "ml.t2.medium": {"Notebook": 0.0464, "Hosting": 0.056},
    "ml.t3.medium": {"Notebook": 0.05, "Studio-Notebook": 0.05, "Training": 0.05, "Processing": 0.05},
    "ml.m4.xlarge": _everywhere(0.24),
    "ml.m5.large": dict.fromkeys(("Training", "Hosting", "Processing", "BatchTransform"), 0.115),
    "ml.m5.xlarge": _everywhere(0.23),
    "ml.m5.2xlarge": _everywhere(0.461),
    "ml.c4.xlarge": _everywhere(0.239),
    "ml.c5.large": {"Hosting": 0.102},
    "ml.c5.xlarge": _everywhere(0.204),
    "ml.g4dn.xlarge": _everywhere(0.736),
    "ml.g5.xlarge": _everywhere(1.408),
    "ml.g5.2xlarge": _everywhere(1.515),
    "ml.p3.2xlarge": _everywhere(3.825),
}

VOLUME_USD_PER_GB_MONTH: Final[Mapping[str, float]] = {"Training": 0.14, "Processing": 0.10}
S3_USD_PER_GB_MONTH: Final = 0.023
S3_USD_PER_1000_WRITES: Final = 0.005
S3_USD_PER_1000_READS: Final = 0.0004


class TablePrices:
    """The dated table of us-east-1; for another region the same figure, and the source says so."""

    def __init__(self, note: str = "") -> None:
        self._note = note

    def hourly(self, region: str, instance_type: str, component: str) -> Price | None:
        """Return USD per hour of one instance, None for a type or component that is not in the table."""
        usd = TABLE.get(instance_type, {}).get(component)
        if usd is None:
            return None
        parts = [f"table of {TABLE_DATE}"]
        if region != TABLE_REGION:
            parts.append(f"the price of {TABLE_REGION}: {region} may cost more or less")
        if instance_type in _CALCULATED:
            parts.append("calculated from the EC2 price")
        if self._note:
            parts.append(self._note)
        return Price(usd, "; ".join(parts))


class LivePrices:
    """The Price List API, kept on disk for a day, with the table behind it for everything that fails.

    `make_client` returns a boto3 `pricing` client; it is called at the first price that is not on disk.
    After a failure the API is left alone for five minutes, so that a meter does not wait for it at each tick.
    Safe from any thread.
    """

    FRESH_SECONDS: Final = 86_400.0
    RETRY_SECONDS: Final = 300.0
    MOST_PAGES: Final = 10

    def __init__(self, make_client: Callable[[], Any], cache: Path, clock: Clock | None = None) -> None:
        self._make_client = make_client
        self._file = cache / "prices.json"
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._client: Any = None
        self._known: dict[str, dict[str, float | None]] | None = None
        self._failed: tuple[float, str] | None = None

    def hourly(self, region: str, instance_type: str, component: str) -> Price | None:
        """Return USD per hour of one instance and who says so, the API or the table; None if neither."""
        with self._lock:
            key = f"{region} {instance_type} {component}"
            now = self._clock.now()
            known = self._load()
            entry = known.get(key)
            if entry is None or not 0 <= now - (entry["at"] or 0.0) < self.FRESH_SECONDS:
                if self._failed is not None and 0 <= now - self._failed[0] < self.RETRY_SECONDS:
                    return TablePrices(self._failed[1]).hourly(region, instance_type, component)
                try:
                    usd = self._ask(region, instance_type, component)
                except Exception as error:
                    # Boto's own errors, an answer of another shape, a socket: none may stop a run.
                    reason = error_code(error) or type(error).__name__
                    note = f"the Price List API did not answer ({reason})"
                    shape = isinstance(error, ValueError | KeyError | TypeError | AttributeError)
                    if shape and not is_boto(error):
                        note = "the Price List API answered in a form that is not known here"
                    self._failed = (now, note)
                    return TablePrices(note).hourly(region, instance_type, component)
                self._failed = None
                entry = {"at": now, "usd": usd}
                known[key] = entry
                self._save(known)
            if entry["usd"] is None:
                note = "the Price List API has no price for it"
                return TablePrices(note).hourly(region, instance_type, component)
            return Price(entry["usd"], f"Price List API, {_day(entry['at'] or 0.0)}")

    def _ask(self, region: str, instance_type: str, component: str) -> float | None:
        if self._client is None:
            self._client = self._make_client()
        wanted = {"regionCode": region, "instanceName": instance_type, "component": component}
        request: dict[str, Any] = {
            "ServiceCode": "AmazonSageMaker",
            "Filters": [{"Type": "TERM_MATCH", "Field": k, "Value": v} for k, v in wanted.items()],
            "MaxResults": 100,
        }
        found: list[float] = []
        for _ in range(self.MOST_PAGES):
            answer = self._client.get_products(**request)
            for text in answer.get("PriceList", []):
                found += _hourly_usd(json.loads(text), wanted)
            if not answer.get("NextToken"):
                break
            request["NextToken"] = answer["NextToken"]
        # Where several products match, the dearest: a bill may be lower than announced, never higher.
        return max(found, default=None)

    def _load(self) -> dict[str, dict[str, float | None]]:
        if self._known is None:
            self._known = {}
            # A cache that cannot be read is an empty one.
            with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
                for key, entry in json.loads(self._file.read_text("utf-8"))["prices"].items():
                    at, usd = float(entry["at"]), entry["usd"]
                    if usd is None or (_is_price(float(usd)) and math.isfinite(at)):
                        self._known[str(key)] = {"at": at, "usd": None if usd is None else float(usd)}
        return self._known

    def _save(self, known: Mapping[str, Mapping[str, float | None]]) -> None:
        # Without a cache the next process asks again: no reason to stop a run.
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._file.parent, prefix=".prices-")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as stream:
                    json.dump({"version": 1, "prices": known}, stream)
                Path(name).replace(self._file)
            except BaseException:
                with contextlib.suppress(OSError):
                    Path(name).unlink()
                raise


def _hourly_usd(product: Mapping[str, Any], wanted: Mapping[str, str]) -> list[float]:
    """Return the on-demand prices per hour of a product that is the wanted one and not free of charge."""
    attributes = product["product"]["attributes"]
    if any(attributes.get(name) != value for name, value in wanted.items()):
        return []
    if "free" in str(attributes.get("instanceType", "")).lower():
        return []
    prices = []
    for offer in product.get("terms", {}).get("OnDemand", {}).values():
        for rate in offer.get("priceDimensions", {}).values():
            usd = float(rate.get("pricePerUnit", {}).get("USD", "0"))
            if str(rate.get("unit", "")).lower() in ("hrs", "hours", "hour") and _is_price(usd):
                prices.append(usd)
    return prices


def _is_price(usd: float) -> bool:
    return math.isfinite(usd) and usd > 0


def _day(seconds: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
