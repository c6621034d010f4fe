"""The command `explain`: a word of the field in one paragraph, with where it shows up."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING

from sagewizard import glossary
from sagewizard.cli.terminal import console, wrap
from sagewizard.exit_codes import ExitCode

if TYPE_CHECKING:
    import argparse

    from sagewizard.glossary import Word


def explain(options: argparse.Namespace) -> int:
    """Explain one word, or list them all."""
    if not options.term:
        return _list(options)
    word = glossary.find(" ".join(options.term))
    recipes = _recipes_with(word)
    if options.json:
        return _json({**_as_json(word), "recipes": recipes})
    out = console(sys.stdout)
    columns = min(out.ink.width, 80)
    out.line(word.name, "bold")
    for line in wrap(word.text, columns):
        out.line(line)
    out.line()
    rows = [("also", ", ".join(word.aliases)), ("shows up", word.where), ("recipes", ", ".join(recipes))]
    for title, body in [*rows, ("see", ", ".join(word.see))]:
        if body:
            for number, line in enumerate(wrap(body, columns - 10)):
                out.line(f"{title if number == 0 else '':<10}{line}")
    return ExitCode.OK


def _list(options: argparse.Namespace) -> int:
    listed = glossary.words()
    if options.json:
        return _json([_as_json(word) for word in listed])
    out = console(sys.stdout)
    # A name of two words, or with a hyphen, stays on one line.
    names = ", ".join(word.name.replace(" ", "\u00a0") for word in listed)
    for line in textwrap.wrap(names, min(out.ink.width, 80), break_on_hyphens=False):
        out.line(line.replace("\u00a0", " "))
    out.line()
    out.line("`sagewizard explain WORD` explains one.")
    return ExitCode.OK


def _recipes_with(word: Word) -> list[str]:
    """Return the shipped recipes in whose texts or settings the word is used."""
    import re

    from sagewizard.recipe import finding

    names = "|".join(r"[\s_-]*".join(map(re.escape, re.split(r"[\s_-]+", name))) for name in word.names)
    pattern = re.compile(rf"(?<![\w-])(?:{names})(?:s|es)?(?![\w-])", re.IGNORECASE)
    return [name for name, path in finding.shipped().items() if pattern.search(path.read_text("utf-8"))]


def _as_json(word: Word) -> dict[str, object]:
    return {
        "name": word.name,
        "aliases": list(word.aliases),
        "text": word.text,
        "where": word.where,
        "see": list(word.see),
    }


def _json(value: object) -> int:
    import json

    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
    return ExitCode.OK
