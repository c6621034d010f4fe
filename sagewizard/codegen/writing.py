"""A plan as a Python script: the PEP 723 header, a docstring, imports, the sections with their texts."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from sagewizard.codegen.plan import said

if TYPE_CHECKING:
    from sagewizard.codegen.plan import Plan

_WIDTH = 96


def as_script(plan: Plan) -> str:
    """Return the plan as the text of a script."""
    lines = ["# /// script", f'# requires-python = "{plan.python}"', "# dependencies = ["]
    lines += [f'#     "{package}",' for package in plan.packages]
    lines += ["# ]", "# ///"]
    intro: list[str] = []
    for paragraph in said(plan.intro, "this script", "python SCRIPT"):
        intro += ["", *textwrap.wrap(paragraph, _WIDTH, break_on_hyphens=False)]
    title = plan.title.replace('"""', "'''").replace("\\", "/")
    lines += [f'"""{title}', *intro, '"""', "", *plan.imports]
    for section in plan.sections:
        if section.step or not section.code[0].startswith("def "):
            lines += ["", f"# --- {section.title} ---"]
            for number, paragraph in enumerate(section.text):
                lines += ["#"] if number else []
                lines += [f"# {line}" for line in textwrap.wrap(paragraph, _WIDTH, break_on_hyphens=False)]
        lines += ["", *section.code]
    return "\n".join(_spaced(lines)) + "\n"


def _spaced(lines: list[str]) -> list[str]:
    """Put two empty lines around functions at the left margin, and at most one anywhere else."""
    listed: list[str] = []
    quoted = inside = False
    for line in lines:
        if quoted:
            listed.append(line)
        elif line:
            if not line.startswith((" ", ")", "]", "}")):
                starts = line.startswith("def ")
                if (inside or starts) and listed and not listed[-1]:
                    listed.append("")
                inside = starts
            listed.append(line)
        elif listed and listed[-1]:
            listed.append(line)
        if line.count("'''") % 2:
            quoted = not quoted
    return listed
