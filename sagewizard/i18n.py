"""The language a learner reads: gettext for the program's words, a choice by language for a recipe's.

The language comes from LANGUAGE, LC_ALL, LC_MESSAGES or LANG, in that order, as gettext takes it. Words
without a translation stay English.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gettext
    from collections.abc import Mapping

DOMAIN = "sagewizard"
DEFAULT_LANGUAGE = "en"
LOCALES = Path(__file__).parent / "locales"


def languages(environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the wanted languages, best first, as short codes such as `fr`, always ending in `en`."""
    env = os.environ if environ is None else environ
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = env.get(name, "").strip()
        if value:
            codes = [part.split(".")[0].split("_")[0].lower() for part in value.split(":")]
            wanted = [code for code in codes if code and code not in ("c", "posix", DEFAULT_LANGUAGE)]
            return (*dict.fromkeys(wanted), DEFAULT_LANGUAGE)
    return (DEFAULT_LANGUAGE,)


@functools.lru_cache(maxsize=8)
def _translation(wanted: tuple[str, ...]) -> gettext.NullTranslations:
    import gettext

    return gettext.translation(DOMAIN, LOCALES, languages=list(wanted), fallback=True)


def _(message: str) -> str:
    """Return the message in the reader's language."""
    wanted = languages()
    return message if wanted == (DEFAULT_LANGUAGE,) else _translation(wanted).gettext(message)


def ngettext(singular: str, plural: str, number: int) -> str:
    """Return the form of a message that fits a number."""
    wanted = languages()
    if wanted == (DEFAULT_LANGUAGE,):
        return singular if number == 1 else plural
    return _translation(wanted).ngettext(singular, plural, number)


def choose(texts: Mapping[str, str], wanted: tuple[str, ...] | None = None) -> str:
    """Pick the text of the best language there is; English when none of the wanted ones is there."""
    for language in wanted or languages():
        if language in texts:
            return texts[language]
    return texts.get(DEFAULT_LANGUAGE, next(iter(texts.values()), ""))
