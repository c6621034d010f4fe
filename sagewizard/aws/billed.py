"""Owns what AWS has billed for SageMaker, as Cost Explorer says; each request to it costs $0.01.

By the tag `sagewizard:run` where the account has activated it as a cost allocation tag, and by usage type.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sagewizard.engine.tagging import PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

USD_PER_REQUEST: Final = 0.01
_SERVICE: Final = "Amazon SageMaker"
_TAG: Final = f"{PREFIX}run"
_MOST_PAGES: Final = 20


@dataclass(frozen=True, slots=True)
class Billed:
    """USD from `since` on (a date, in UTC): by run, "" for what has no tag, and by usage type."""

    since: str
    by_run: Mapping[str, float]
    by_usage: Mapping[str, float]
    requests: int


def ask(client: Any, *, since: float, now: float) -> Billed:
    """Ask Cost Explorer (a boto3 client `ce`) for the days from `since` on; raises what botocore raises.

    Figures are up to a day old. Form of the answer: GetCostAndUsage, 2017-10-25.
    """
    start = _date(since)
    # The end is exclusive, and a period of no day is refused.
    end = _date(max(now, since) + 86_400.0)
    requests = 0
    sums: dict[str, dict[str, float]] = {}
    for group in ({"Type": "TAG", "Key": _TAG}, {"Type": "DIMENSION", "Key": "USAGE_TYPE"}):
        found = sums.setdefault(group["Type"], {})
        request: dict[str, Any] = {
            "TimePeriod": {"Start": start, "End": end},
            "Granularity": "MONTHLY",
            "Metrics": ["UnblendedCost"],
            "Filter": {"Dimensions": {"Key": "SERVICE", "Values": [_SERVICE]}},
            "GroupBy": [group],
        }
        for _page in range(_MOST_PAGES):
            answer = client.get_cost_and_usage(**request)
            requests += 1
            for period in answer.get("ResultsByTime", []):
                for one in period.get("Groups", []):
                    key = str(one["Keys"][0]).removeprefix(f"{_TAG}$")
                    amount = float(one["Metrics"]["UnblendedCost"]["Amount"])
                    found[key] = found.get(key, 0.0) + amount
            if not answer.get("NextPageToken"):
                break
            request["NextPageToken"] = answer["NextPageToken"]
    return Billed(start, sums["TAG"], sums["DIMENSION"], requests)


def _date(moment: float) -> str:
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%d")
