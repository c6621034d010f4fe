"""CloudWatch's filter patterns for unstructured text: terms, quoted phrases, `?any` and `-none`."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TERM = re.compile(r'\s*([?\-]?)(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))')


@dataclass(frozen=True, slots=True)
class Pattern:
    """All of `every` and one of `some` (when there are any) must be in a message, and none of `none`."""

    every: tuple[str, ...] = ()
    some: tuple[str, ...] = ()
    none: tuple[str, ...] = ()

    def matches(self, message: str) -> bool:
        """Tell whether a message fits; upper and lower case are different, as in CloudWatch."""
        return (
            all(term in message for term in self.every)
            and (not self.some or any(term in message for term in self.some))
            and not any(term in message for term in self.none)
        )


def parse(text: str) -> Pattern:
    """Read a pattern; raises ValueError for JSON, columns, regular expressions and what is malformed.

    A phrase in quotes may escape a quote or a backslash with a backslash.
    """
    text = text.strip()
    if text[:1] in {"{", "[", "%"}:
        raise ValueError("the sandbox knows patterns of terms and quoted phrases only")
    kinds: dict[str, list[str]] = {"": [], "?": [], "-": []}
    position = 0
    while position < len(text):
        match = _TERM.match(text, position)
        if match is None:
            raise ValueError(f"Invalid filter pattern at character {position + 1}")
        quoted = match[2]
        kinds[match[1]].append(re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else match[3])
        position = match.end()
    return Pattern(tuple(kinds[""]), tuple(kinds["?"]), tuple(kinds["-"]))
