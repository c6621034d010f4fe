"""The field's words: what they must have, how they are found, and that the recipes' own are among them."""

from __future__ import annotations

import json
import re

import pytest

from sagewizard import cli, glossary
from sagewizard.errors import UsageError
from sagewizard.recipe import finding
from sagewizard.recipe.options import STEP_NAMES


def test_each_word_has_one_paragraph_and_says_where_it_shows_up() -> None:
    for word in glossary.words():
        assert 60 <= len(word.text) <= 700, word.name
        assert word.text.endswith("."), word.name
        assert word.where, word.name
        assert "!" not in word.text


def test_words_are_in_alphabetical_order_and_no_name_stands_twice() -> None:
    listed = glossary.words()
    order = [re.sub(r"[^a-z0-9]", "", word.name.casefold()) for word in listed]
    assert order == sorted(order)
    names = [glossary._key(name) for word in listed for name in word.names]
    assert len(names) == len(set(names))


def test_related_words_exist() -> None:
    for word in glossary.words():
        for other in word.see:
            assert glossary.find(other).name == other, f"{word.name} names {other}"


@pytest.mark.parametrize(
    "term", ["Production Variant", "production-variants", "variant", "PRODUCTION_VARIANT"]
)
def test_case_hyphens_and_plurals_do_not_matter(term: str) -> None:
    assert glossary.find(term).name == "production variant"


def test_an_unknown_word_offers_the_nearest() -> None:
    with pytest.raises(UsageError) as error:
        glossary.find("epoc")
    assert "epoch" in error.value.remedy
    with pytest.raises(UsageError, match="no explanation"):
        glossary.find("qqqqq")


def test_an_unknown_language_is_answered_in_english() -> None:
    assert glossary.words("xx") == glossary.words("en")


def test_what_the_shipped_recipes_set_and_report_is_explained() -> None:
    wanted = {
        "channel", "endpoint", "batch transform", "RecordIO-protobuf", "execution role", "bucket", "region",
        "confusion matrix", "threshold", "objective metric", "instance type", "teardown", "hyperparameter",
    }  # fmt: skip
    for term in wanted:
        assert glossary.find(term)
    for path in finding.shipped().values():
        recipe = finding.load(path)
        for step in recipe.all_steps:
            strategy = recipe.step_values(step).get("strategy")
            if strategy:
                assert glossary.find(str(strategy))
        name = recipe.algorithm.name
        assert glossary.find({"sklearn": "script mode"}.get(name, name))
    assert set(STEP_NAMES) <= set(re.findall(r"\w+", glossary.find("step").text))


def test_the_command_prints_the_paragraph_and_the_recipes(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "objective", "metric"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("objective metric\n")
    assert "vertebral-xgboost" in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_command_lists_all_words_and_speaks_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain"]) == 0
    text = capsys.readouterr().out
    assert "cross-validation," in text
    assert cli.main(["explain", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(glossary.words())


def test_an_unknown_word_ends_with_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "endpont"]) == 2
    assert "endpoint" in capsys.readouterr().err
