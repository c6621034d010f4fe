"""Metric patterns are matched at the start of a line only where that finds the same."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from sagewizard import algorithms
from sagewizard.sandbox.compute.joblog import MetricScraper

PATTERNS = [
    *(entry.regex for entry in algorithms.get("xgboost").metric_definitions[:4]),
    r".*loss=(\S+)",
    r".*?loss=(\S+)",
    r".*x=(1)|loss=(\S+)",
    r"loss=(\S+)",
]
PIECES = ["[3]", "#011train-auc:0.5", "#011train-accuracy:1", "loss=2", "x=1", " ", "y"]


@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
def test_a_scraper_finds_what_a_search_finds(line: str) -> None:
    for pattern in PATTERNS:
        found = MetricScraper([{"Name": "m", "Regex": pattern}]).scan(line, 0.0)
        match = re.search(pattern, line)
        expected = [] if match is None or match[1] is None else [match[1]]
        numbers = []
        for text in expected:
            try:
                numbers.append(float(text))
            except ValueError:
                continue
        assert [value for _, value in found] == numbers
