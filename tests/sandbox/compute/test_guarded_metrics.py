"""Metric definitions of people's own: read like any other, and bounded when they do not end."""

from __future__ import annotations

import pytest

from sagewizard.sandbox.compute.guarded_metrics import GuardedScraper, left_out


@pytest.fixture
def scraper():
    made = []

    def make(**definitions):
        made.append(GuardedScraper([{"Name": name, "Regex": regex} for name, regex in definitions.items()]))
        return made[-1]

    yield make
    for item in made:
        item.close()


def test_values_are_found_and_the_last_of_each_is_final(scraper):
    reader = scraper(loss=r"loss=([0-9.]+)", name=r"name=(\w+)", none=r"nothing", maybe=r"loss=(?:x)?(y)?")
    assert reader.scan("epoch 1 loss=0.5 name=tree", 10.0) == [("loss", 0.5)]
    assert reader.scan("épöch 2 loss=0.25", 20.0) == [("loss", 0.25)]
    assert reader.scan("", 30.0) == [] and reader.scan("nothing", 30.0) == []
    assert reader.final() == [{"MetricName": "loss", "Value": 0.25, "Timestamp": 20.0}]
    assert reader.dropped == []


def test_a_definition_that_does_not_end_is_left_out_and_the_others_go_on(scraper):
    reader = scraper(good=r"value=(\d+)", bad=r"(a+)+$")
    line = "value=7 " + "a" * 60 + "b"
    assert reader.scan(line, 1.0) == [("good", 7.0)]
    assert reader.dropped == ["bad"]
    assert reader.scan(line, 2.0) == [("good", 7.0)]
    assert reader.dropped == ["bad"] and "'bad'" in left_out(reader.dropped)


def test_only_the_beginning_of_an_endless_line_is_looked_at(scraper):
    reader = scraper(value=r"value=(\d+)")
    assert reader.scan("value=1" + "x" * 300_000, 1.0) == [("value", 1.0)]
    assert reader.scan("x" * 300_000 + "value=1", 1.0) == []


def test_after_it_is_closed_nothing_is_found_and_no_process_is_left(scraper):
    reader = scraper(value=r"(\d+)")
    assert reader.scan("1", 1.0)
    process = reader._reader
    reader.close()
    assert process.poll() is not None and reader.scan("2", 2.0) == []
