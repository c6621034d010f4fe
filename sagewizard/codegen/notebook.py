"""A plan as a Jupyter notebook, format 4.5: written as plain JSON, with the same cell ids every time."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from sagewizard.codegen.plan import said

if TYPE_CHECKING:
    from sagewizard.codegen.plan import Plan


def as_notebook(plan: Plan) -> str:
    """Return the plan as the text of an .ipynb file: a text cell and a code cell for each section."""
    packages = " ".join(
        f'"{package}"' if set("<>=;") & set(package) else package for package in plan.packages
    )
    intro = [f"# {plan.title}", *said(plan.intro, "this notebook", "jupyter lab NOTEBOOK"),
             f"It needs Python {plan.python.removeprefix('>=')} or newer and these packages:",
             f"```\npip install {packages}\n```"]  # fmt: skip
    cells = [_text("\n\n".join(intro)), _code("\n".join(plan.imports))]
    for section in plan.sections:
        cells.append(_text("\n\n".join([f"## {section.title}", *section.text])))
        cells.append(_code("\n".join(section.code)))
    for number, cell in enumerate(cells):
        content = f"{number} {cell['cell_type']} {''.join(cell['source'])}"
        cell["id"] = hashlib.blake2b(content.encode(), digest_size=4).hexdigest()
    body = {
        "cells": [{"id": cell.pop("id"), **cell} for cell in cells],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(body, indent=1, ensure_ascii=False) + "\n"


def _text(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source.splitlines(keepends=True)}


def _code(source: str) -> dict[str, Any]:
    return {
        "cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [],
        "source": source.strip("\n").splitlines(keepends=True),
    }  # fmt: skip
