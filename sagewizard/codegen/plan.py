"""The plan of a script: ordered sections with text and code, and what each needs of the others.

A plan is the same for a script and for a notebook, and for every flavor that can be written as sections.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sagewizard.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Section:
    """One piece of the script.

    `step` is the recipe's step that it does, or "" for what several steps share: it comes where it is first
    needed, or at the top if it is `early`. Neighbours with the same title become one. `text` are paragraphs
    for the reader; `code` and `imports` are lines. `provides` are names that the code defines, `needs` names
    of other sections that it uses. `known` holds, for some of the names it provides, lines that give them the
    value that they had in the run: with these, a later step can be written without this section.
    `known_imports` are what these lines import.
    """

    title: str
    code: tuple[str, ...]
    step: str = ""
    text: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    known: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    known_imports: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    early: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole script: `title` and `intro` for the reader, packages from PyPI, the sections in order.

    `step_intro` is the intro of a script that does one step alone. In both stand {this} and {start} for what
    a script and a notebook say differently: what they are, and how they are started.
    """

    title: str
    intro: tuple[str, ...]
    python: str
    packages: tuple[str, ...]
    sections: tuple[Section, ...]
    step_intro: tuple[str, ...] = ()

    @property
    def imports(self) -> tuple[str, ...]:
        """All import lines, the standard library first, each once."""
        from sagewizard.codegen.importing import sorted_imports

        return sorted_imports(line for section in self.sections for line in section.imports)


def said(intro: Iterable[str], this: str, start: str) -> tuple[str, ...]:
    """Return the paragraphs of an intro as a script or a notebook says them."""
    return tuple(text.replace("{this}", this).replace("{start}", start) for text in intro)


def whole(plan: Plan) -> Plan:
    """Return the plan with shared sections moved to where they are first needed, unused ones left out."""
    return dataclasses.replace(plan, sections=_ordered(plan.sections, list(plan.sections), {}))


def for_step(plan: Plan, step: str) -> Plan:
    """Return a plan that does one step, with the names it needs from the ones before.

    A name whose value is known from the run is written as that; else the section that makes it is taken in.
    Raises UsageError when the plan has no such step.
    """
    wanted = [section for section in plan.sections if section.step == step]
    if not wanted:
        steps = dict.fromkeys(section.step for section in plan.sections if section.step)
        raise UsageError(f"This run has no step {step!r}.", remedy=f"Its steps are {', '.join(steps)}.")
    makers = {name: section for section in plan.sections for name in section.provides}
    known: dict[str, Section] = {}
    taken = list(wanted)
    pending = [name for section in wanted for name in section.needs]
    while pending:
        name = pending.pop(0)
        maker = makers[name]
        if maker in taken or name in known:
            continue
        if name in maker.known:
            known[name] = maker
            pending += [need for need in maker.needs if _mentions(maker.known[name], need)]
            continue
        taken.append(maker)
        pending += maker.needs
    # A section that is there in full needs no names of its own written beside it.
    known = {name: maker for name, maker in known.items() if maker not in taken}
    given = _given(plan.sections, known)
    chosen = [section for section in plan.sections if section in taken]
    listed = _ordered(plan.sections, chosen, dict.fromkeys(known, given) if given else {})
    packages = tuple(dict.fromkeys(package for section in listed for package in section.packages))
    kept = tuple(package for package in plan.packages if package in packages) or plan.packages
    return dataclasses.replace(plan, sections=listed, packages=kept, intro=plan.step_intro or plan.intro)


def _given(sections: Iterable[Section], known: Mapping[str, Section]) -> Section | None:
    if not known:
        return None
    # Whole blocks are told apart, not lines: two calls end with the same bracket.
    blocks: list[tuple[str, ...]] = []
    imports: list[str] = []
    needs: list[str] = []
    packages: list[str] = []
    for section in sections:
        for name in section.provides:
            if known.get(name) is section:
                if section.known[name] not in blocks:
                    blocks.append(section.known[name])
                imports += [text for text in section.known_imports if _imports(text, section.known[name])]
                needs += [need for need in section.needs if _mentions(section.known[name], need)]
                packages += section.packages
    return Section(
        title="From the steps before", code=tuple(line for block in blocks for line in block),
        imports=tuple(imports), provides=tuple(known),
        needs=tuple(dict.fromkeys(needs)), packages=tuple(packages),
        text=("What the earlier steps of the run have made, by its name then.",),
    )  # fmt: skip


def _imports(line: str, code: Iterable[str]) -> bool:
    return _mentions(code, line.split()[-1])


def _mentions(code: Iterable[str], name: str) -> bool:
    # What stands in a plain string is no name; in an f-string it may be.
    lines = (re.sub(r'(?<!f)"[^"]*"', "", line) for line in code)
    return any(re.search(rf"\b{re.escape(name)}\b", line) for line in lines)


def _ordered(
    every: Iterable[Section], chosen: list[Section], given: Mapping[str, Section]
) -> tuple[Section, ...]:
    """Put each section behind those it needs, steps in their order, shared ones as late as they can come."""
    makers = {name: section for section in every for name in section.provides} | dict(given)
    placed: list[Section] = []

    def place(section: Section) -> None:
        if section in placed:
            return
        for name in section.needs:
            maker = makers.get(name)
            if maker is None:
                raise KeyError(f"{section.title} needs {name}, and no section provides it")
            if maker is not section:
                place(maker)
        placed.append(section)

    for section in chosen:
        if section.step or not section.provides:
            place(section)
    return tuple(_joined(sorted(placed, key=lambda section: not section.early)))


def _joined(sections: Iterable[Section]) -> list[Section]:
    """Make one section of neighbours with the same title."""
    listed: list[Section] = []
    for section in sections:
        if not listed or listed[-1].title != section.title:
            listed.append(section)
            continue
        before = listed.pop()
        joined = dataclasses.replace(
            before, code=before.code + section.code, imports=before.imports + section.imports,
            provides=before.provides + section.provides, needs=before.needs + section.needs,
            packages=before.packages + section.packages,
        )  # fmt: skip
        listed.append(joined)
    return listed
