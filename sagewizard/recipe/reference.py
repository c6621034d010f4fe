"""The tables of docs/recipes.md from the options' definition: `python -m sagewizard.recipe.reference`."""

from __future__ import annotations

import sys
from pathlib import Path

from sagewizard.recipe.options import OWN_DATA, STEP_NAMES, Option, step_options

BEGIN, END = "<!-- options: begin -->", "<!-- options: end -->"


def options_reference() -> str:
    """Return one Markdown table a step: its options with what may be written, the default and the help."""
    parts = []
    for step in STEP_NAMES:
        listed = list(step_options(step))
        if listed:
            title = "`dataset`, in its `split`" if step == "dataset" else f"`{step}`"
            parts.append(f"### {title}\n\n{_table(listed)}")
        if step == "dataset":
            parts.append(
                "### `dataset`, for a recipe with `own: true`\n\nThese are set for a run, with `--set "
                f"dataset.path=my.csv`, not in the file.\n\n{_table(list(OWN_DATA))}"
            )
    return "\n\n".join(parts) + "\n"


def renewed(document: str) -> str:
    """Return the text of docs/recipes.md with its tables made anew."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{options_reference()}\n{END}{after}"


def _table(options: list[Option]) -> str:
    rows = ["| option | may be | default | what it does |", "|---|---|---|---|"]
    for option in options:
        default = "" if option.default is None else f"`{option.definition.default}`"
        cells = (f"`{option.name}`", option.allowed, default, option.definition.help)
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows)


def main() -> int:
    """Write the tables into docs/recipes.md of this checkout."""
    path = Path(__file__).resolve().parents[2] / "docs" / "recipes.md"
    path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
