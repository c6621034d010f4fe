"""Makes one file of a run, to be handed on and played back anywhere: `sagewizard runs export`.

The file holds the journal, the state, the recipe and the small results that the app shows: the outcome of the
evaluation, the first lines of the batch transform, some rows to look at. Never the data itself. Everything
goes through a `Veil` first. The same run gives the same bytes.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagewizard.engine import anonymous, journal, looking, results, swrun
from sagewizard.engine import state as states
from sagewizard.engine.opening import recipe_of
from sagewizard.engine.steps import transform
from sagewizard.errors import DataError, SageWizardError, UsageError
from sagewizard.event_base import from_mapping

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from sagewizard.engine.anonymous import Veil
    from sagewizard.engine.table import Table
    from sagewizard.recipe.recipe import Recipe
    from sagewizard.settings import Settings

LOOK, ROWS, EVALUATION, LINES = (
    "look.json",
    "rows.json",
    "results/evaluation.json",
    "results/transform-output.jsonl",
)
MOST_ROWS = 200
MOST_CELLS = 40_000
"""Values of rows that are taken along: all 200 rows of a table of 200 columns, 51 pictures of 784 pixels."""
MOST_PREDICTIONS = 100_000
MOST_COLUMNS = 2_000
DIGITS = 6
"""Significant digits of a row's values: a look at them needs no more."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: the file, its size in bytes, and what had to be left out, in words."""

    path: Path
    size: int
    left_out: tuple[str, ...]


def export(
    settings: Settings, run_id: str, destination: Path, *, replace: bool = False, cancel: threading.Event
) -> Exported:
    """Write a run as a `.swrun` file, whole or not at all.

    UsageError when the file would not be one, is there already (without `replace`), cannot be written, or
    when the run cannot be read.
    """
    if destination.suffix != swrun.SUFFIX:
        raise UsageError(
            f"A recorded run is a {swrun.SUFFIX} file, and {destination.name} is not.",
            remedy=f"Call it {destination.stem}{swrun.SUFFIX}.",
        )
    if destination.exists() and not replace:
        raise UsageError(
            "The file is there already.",
            where=str(destination),
            remedy="Choose another name, or add --force.",
        )
    data, left_out = recorded(settings, run_id, cancel=cancel)
    try:
        states.write_atomically(destination, data)
    except OSError as error:
        raise UsageError(
            f"The file cannot be written: {error.strerror}.", where=str(destination),
            remedy="Choose a folder that exists and can be written.",
        ) from error  # fmt: skip
    return Exported(destination, len(data), tuple(left_out))


def recorded(settings: Settings, run_id: str, *, cancel: threading.Event) -> tuple[bytes, list[str]]:
    """Return the bytes of the file, and what had to be left out."""
    import orjson

    folder = settings.runs / run_id
    state = states.load(folder)
    recipe = recipe_of(settings, state)
    veil = anonymous.veil_for(settings)
    lines = _lines(folder / journal.NAME)
    for text in (*lines, (folder / states.NAME).read_bytes()):
        veil.learn(text.decode("utf-8", "replace"))
    left_out: list[str] = []
    members = {
        journal.NAME: b"".join(_masked_event(line, veil, at) for at, line in enumerate(lines, start=1)),
        states.NAME: orjson.dumps(
            veil.value({**dataclasses.asdict(state), "recipe_source": f"{recipe.name}.yaml"}),
            option=orjson.OPT_INDENT_2,
        ),
        states.RECIPE: _masked_recipe(recipe, veil),
        **_results(folder, veil, left_out),
        **_rows(settings, recipe, folder, lines, veil, cancel, left_out),
    }
    about = veil.value(
        {
            "run_id": state.run_id, "recipe": state.recipe, "title": recipe.title, "target": state.target,
            "simulated": state.simulated, "created": state.created, "status": state.status,
            "program_version": _version(),
        }
    )  # fmt: skip
    return swrun.pack(about, members), left_out


def _lines(path: Path) -> list[bytes]:
    try:
        with path.open("rb") as file:
            if path.stat().st_size > swrun.MOST_CONTENTS:
                raise UsageError(
                    "The journal of this run is too long for one file.", where=str(path),
                    remedy="Export a run with a shorter log.",
                )  # fmt: skip
            return [line for line in file if line.endswith(b"\n")]
    except OSError as error:
        raise UsageError(
            f"The journal cannot be read: {error.strerror}.", where=str(path),
            remedy="`sagewizard runs list` shows the runs.",
        ) from error  # fmt: skip


def _masked_event(line: bytes, veil: Veil, number: int) -> bytes:
    import orjson

    try:
        body = orjson.loads(line)
        from_mapping(body)
        masked = veil.value(body)
        event = from_mapping(masked)
    except (orjson.JSONDecodeError, SageWizardError) as error:
        raise UsageError(
            f"Line {number} of the run's journal cannot be read: {error}",
            remedy="Export it with the version of sagewizard that wrote it.",
        ) from error
    assert event is not None, "an unknown kind is an error"
    return event.to_json() + b"\n"


def _masked_recipe(recipe: Recipe, veil: Veil) -> bytes:
    from sagewizard.recipe.loading import load_text

    raw = veil.recipe(recipe.raw.decode("utf-8")).encode()
    load_text(raw, recipe.name)
    return raw


def _results(folder: Path, veil: Veil, left_out: list[str]) -> dict[str, bytes]:
    import orjson

    found: dict[str, bytes] = {}
    try:
        body = orjson.loads((folder / EVALUATION).read_bytes())
        name = str(body["predictions"])
        rows = int(body["rows"])
        if rows > MOST_PREDICTIONS:
            left_out.append(
                f"the predictions of {rows:,} rows: more than {MOST_PREDICTIONS:,} are not taken along"
            )
        elif re.fullmatch(r"[a-z-]+\.csv", name):
            found[f"results/{name}"] = (folder / "results" / name).read_bytes()
        found[EVALUATION] = orjson.dumps(veil.value(body))
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, TypeError) as error:
        left_out.append(f"the evaluation: it cannot be read ({error})")
    path = folder / "results" / transform.OUTPUT
    if path.is_file():
        with path.open("rb") as file:
            kept = b"".join(line for _number, line in zip(range(MOST_ROWS), file, strict=False))
        found[LINES] = veil.text(kept.decode("utf-8", "replace")).encode()
    return found


def _rows(
    settings: Settings,
    recipe: Recipe,
    folder: Path,
    lines: list[bytes],
    veil: Veil,
    cancel: threading.Event,
    left_out: list[str],
) -> dict[str, bytes]:
    """Return some rows of the data to look at: of the training split, and of the test split."""
    import orjson

    from sagewizard.engine.steps.dataset import load_table

    state = states.load(folder)
    begun = state.outputs("dataset").get("fingerprint")
    try:
        look = looking.look(recipe, settings, cancel=cancel)
        table, _findings = load_table(recipe, settings, cancel=cancel, begun=begun)
    except (DataError, UsageError) as error:
        left_out.append(f"rows of the data to look at: {error.message}")
        return {}
    rows = max(1, min(MOST_ROWS, MOST_CELLS // 2 // max(1, table.features)))
    small = dataclasses.replace(
        look, labels=look.labels[:rows], values=look.values[:rows], columns=look.columns[:MOST_COLUMNS]
    )
    chosen = _chosen(table, folder, lines)
    part = table.parts["test"]
    kept = {
        "name": table.name, "source": table.source, "columns": table.columns, "classes": table.classes,
        "image_height": table.image_height, "image_width": table.image_width,
        "positive_label": table.positive_label, "fingerprint": table.fingerprint,
        "highest": table.highest,
        "rows": {str(row): [_short(value) for value in table.values(row)] for row in chosen},
        "labels": [str(label) for label in part.labels[:MOST_PREDICTIONS]],
        "targets": [float(value) for value in part.targets[:MOST_PREDICTIONS]],
    }  # fmt: skip
    return {
        LOOK: orjson.dumps(veil.value(dataclasses.asdict(small))),
        ROWS: orjson.dumps(veil.value(kept)),
    }


def _chosen(table: Table, folder: Path, lines: list[bytes]) -> list[int]:
    """Choose test rows: those that were asked about, the worst mistakes, and the first ones."""
    import orjson

    most = max(1, min(MOST_ROWS, len(table.parts["test"]), MOST_CELLS // max(1, table.features)))
    asked = [
        int(orjson.loads(line)["row"]) for line in lines if line.startswith(b'{"kind":"prediction_made"')
    ]
    worst: list[int] = []
    try:
        found = results.load(folder)
        worst = [mistake.index + 1 for mistake in found.mistakes(most // 2)]
    except SageWizardError:  # nothing was evaluated, or it has no mistakes to tell
        pass
    chosen = dict.fromkeys([*asked, *worst, *range(1, len(table.parts["test"]) + 1)])
    return sorted([row for row in chosen if table.has(row)][:most])


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _version() -> str:
    from sagewizard import __version__

    return __version__
