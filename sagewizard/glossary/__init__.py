"""The field's words: each with one paragraph, where it shows up, and what to read next.

The words stand in one Markdown file a language beside this module; only the standard library is imported.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from sagewizard.errors import UsageError

_FOLDER = Path(__file__).parent
_FIELDS = ("Aliases", "Where", "See")


@dataclass(frozen=True, slots=True)
class Word:
    """One word: its `name`, other names it goes by, the paragraph, where it shows up, related words."""

    name: str
    text: str
    where: str
    aliases: tuple[str, ...] = ()
    see: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every name it may be looked up by."""
        return (self.name, *self.aliases)


@functools.cache
def words(language: str = "en") -> tuple[Word, ...]:
    """Return all words of a language in alphabetical order; English where the language has no file."""
    path = _FOLDER / f"{language}.md"
    if not path.is_file():
        path = _FOLDER / "en.md"
    return tuple(_read(block) for block in path.read_text(encoding="utf-8").split("\n## ")[1:])


def find(term: str, language: str = "en") -> Word:
    """Return the word that a person means, whatever its case, hyphens or plural.

    Raises UsageError with the nearest words when there is none.
    """
    listed = words(language)
    by_name = {_key(name): word for word in listed for name in word.names}
    key = _key(term)
    for candidate in (key, key.removesuffix("s"), key.removesuffix("es")):
        if candidate in by_name:
            return by_name[candidate]
    near = get_close_matches(key, by_name, n=3, cutoff=0.6)
    near += [name for name in by_name if key in name and name not in near][: 3 - len(near)]
    names = list(dict.fromkeys(by_name[name].name for name in near))
    raise UsageError(
        f"There is no explanation of {term!r}.",
        remedy=f"Did you mean {' or '.join(names)}?" if names else "`sagewizard explain` lists the words.",
    )


def _read(block: str) -> Word:
    name, _, rest = block.partition("\n")
    fields = dict.fromkeys(_FIELDS, "")
    paragraph: list[str] = []
    for line in rest.strip().splitlines():
        key, colon, value = line.partition(": ")
        if colon and key in fields:
            fields[key] = value.strip()
        else:
            paragraph.append(line.strip())
    return Word(
        name.strip(), " ".join(paragraph), fields["Where"], _listed(fields["Aliases"]), _listed(fields["See"])
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _key(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())
