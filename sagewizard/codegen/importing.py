"""Import lines in the order that readers expect: the standard library, then packages, each once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def sorted_imports(lines: Iterable[str]) -> tuple[str, ...]:
    """Sort import lines into two groups with an empty line between them, and join those of one module."""
    plain: set[str] = set()
    named: dict[str, set[str]] = {}
    for line in lines:
        words = line.split(maxsplit=3)
        if words[0] == "import":
            plain.add(line)
        else:
            named.setdefault(words[1], set()).update(name.strip() for name in words[3].split(","))
    entries = [(line.split()[1], 0, line) for line in plain]
    entries += [(module, 1, _from(module, names)) for module, names in named.items()]
    groups: dict[bool, list[str]] = {True: [], False: []}
    for module, kind, line in sorted(entries, key=lambda entry: (entry[1], entry[0].lower())):
        del kind
        groups[module.split(".")[0] in sys.stdlib_module_names].append(line)
    gap = [""] if groups[True] and groups[False] else []
    return tuple("\n".join([*groups[True], *gap, *groups[False]]).split("\n")) if entries else ()


def _from(module: str, names: set[str]) -> str:
    listed = sorted(names)
    line = f"from {module} import {', '.join(listed)}"
    if len(line) <= 100:
        return line
    return "\n".join([f"from {module} import (", *[f"    {name}," for name in listed], ")"])
