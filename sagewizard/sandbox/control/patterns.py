r"""Java regular expressions of the service model, as Python ones that match the same strings.

Differences that matter here: Java's `.` also stops at CR, NEL, LS and PS; `\d`, `\w` and `\s` are ASCII;
`\p{L}` and its like name Unicode categories, which Python's `re` does not know.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_DOT = r"[^\n\r\u0085\u2028\u2029]"
# One stand-in beyond ASCII per category: `fold` maps every other character of the category to it, so that a
# class of a few characters matches what `\p{..}` matches.
_STAND_IN = {"L": "\u00e9", "M": "\u0301", "N": "\u00b2", "P": "\u00bf", "S": "\u00ac", "Z": "\u00a0"}
_OTHER = "\u0378"
_ASCII_OF = {
    category: "".join(re.escape(chr(c)) for c in range(128) if unicodedata.category(chr(c))[0] == category)
    for category in _STAND_IN
}
_POSIX = {"Alnum": "a-zA-Z0-9", "Alpha": "a-zA-Z", "Digit": "0-9", "ASCII": r"\x00-\x7f"}
# Java writes the characters beyond 16 bits as a range of UTF-16 pairs.
_PAIRS, _BEYOND = r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF"
_PROPERTY = re.compile(r"\\p\{(\w+)\}")


def fold(text: str) -> str:
    """Replace each character beyond ASCII by the stand-in of its Unicode category."""
    if text.isascii():
        return text
    return "".join(c if c < "\x80" else _STAND_IN.get(unicodedata.category(c)[0], _OTHER) for c in text)


def _property(name: str) -> str:
    if name in _POSIX:
        return _POSIX[name]
    return _ASCII_OF[name] + _STAND_IN[name]


def translate(pattern: str) -> tuple[str, bool]:
    """Return the Python pattern, and whether subjects must go through `fold` first."""
    pattern = pattern.replace(_PAIRS, _BEYOND)
    out: list[str] = []
    position, in_class, folds = 0, False, False
    while position < len(pattern):
        character = pattern[position]
        if character == "\\":
            found = _PROPERTY.match(pattern, position)
            if found:
                folds = folds or found[1] not in _POSIX
                inside = _property(found[1])
                out.append(inside if in_class else f"[{inside}]")
                position = found.end()
                continue
            out.append(pattern[position : position + 2])
            position += 2
            continue
        if character == "[" and in_class:
            out.append(r"\[")
        elif character == "[":
            in_class = True
            out.append(character)
        elif character == "]" and in_class:
            in_class = False
            out.append(character)
        elif character == "." and not in_class:
            out.append(_DOT)
        else:
            out.append(character)
        position += 1
    return "".join(out), folds


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> tuple[re.Pattern[str] | None, bool]:
    text, folds = translate(pattern)
    try:
        return re.compile(text, re.ASCII), folds
    except re.error:
        # Forms in the model that no operation here uses: other ranges of UTF-16 units, and `$` repeated.
        return None, False


def matches(pattern: str, text: str) -> bool:
    """Tell whether the whole text matches; a pattern that Python cannot express admits everything."""
    compiled, folds = _compiled(pattern)
    if compiled is None:
        return True
    return compiled.fullmatch(fold(text) if folds else text) is not None


def printed(pattern: str) -> str:
    """Return the pattern as the service prints it: name patterns begin with `^` there, botocore drops it."""
    return f"^{pattern}" if pattern.startswith("[a-zA-Z0-9](") else pattern
