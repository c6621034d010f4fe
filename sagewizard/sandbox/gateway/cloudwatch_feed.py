"""Shows moto's CloudWatch the metrics of jobs and endpoints, which are kept in SQLite.

Moto answers GetMetricStatistics, GetMetricData and ListMetrics in every protocol; it only needs the values.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sagewizard.sandbox.store.metrics import MetricStore


class CloudWatchFeed:
    """Copies the stored metrics into moto's backends; called under the lock that moto's calls are under."""

    def __init__(self, metrics: MetricStore, account_id: str) -> None:
        self._metrics, self._account_id = metrics, account_id
        self._version = -1
        self._shown: dict[str, list[Any]] = {}

    def update(self) -> None:
        """Bring moto up to date; does nothing when no value has come since the last time."""
        from moto.cloudwatch.models import MetricAggregatedDatum, cloudwatch_backends

        self._metrics.flush()
        version = self._metrics.version
        if version == self._version:
            return
        fresh: dict[str, list[Any]] = {}
        for minute in self._metrics.minutes():
            fresh.setdefault(minute.region, []).append(
                MetricAggregatedDatum(
                    namespace=minute.namespace,
                    name=minute.name,
                    min_stat=minute.lowest,
                    max_stat=minute.highest,
                    sample_count=minute.count,
                    sum_stat=minute.sum,
                    dimensions=[{"Name": name, "Value": value} for name, value in minute.dimensions.items()],
                    timestamp=datetime.fromtimestamp(minute.start, UTC).replace(tzinfo=None),
                    unit=minute.unit,
                )
            )
        for region in fresh.keys() | self._shown.keys():
            data = cloudwatch_backends[self._account_id][region].metric_data
            old = {id(datum) for datum in self._shown.get(region, ())}
            data[:] = [datum for datum in data if id(datum) not in old] + fresh.get(region, [])
        self._shown, self._version = fresh, version


def round_as_cloudwatch_does() -> None:
    """Let GetMetricStatistics begin at a whole minute, and end after the second that was asked for.

    "If the start time is less than 3 hours ago, CloudWatch rounds down to the nearest whole minute" (API
    reference). Values stand at the start of their minute: without this, a job of a few seconds has none.
    """
    from moto.cloudwatch.models import CloudWatchBackend

    backend: Any = CloudWatchBackend
    original = backend.get_metric_statistics
    if getattr(original, "rounds", False):
        return

    def get_metric_statistics(
        self: Any,
        namespace: str,
        metric_name: str,
        start_time: datetime,
        end_time: datetime,
        *rest: Any,
        **kw: Any,
    ) -> Any:
        if end_time.microsecond:
            end_time = end_time.replace(microsecond=0) + timedelta(seconds=1)
        if start_time < end_time:
            start_time = start_time.replace(second=0, microsecond=0)
        return original(self, namespace, metric_name, start_time, end_time, *rest, **kw)

    get_metric_statistics.rounds = True  # type: ignore[attr-defined]
    backend.get_metric_statistics = get_metric_statistics
