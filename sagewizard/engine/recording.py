"""Opens a recorded run: a `.swrun` file, one that ships with the program, or a run of this home.

A file is unpacked, once it has been checked, into a folder of its own that looks like a home with one run, so
that everything that reads a run reads it as well. `close` takes that folder away. No target is ever opened.
"""

from __future__ import annotations

import dataclasses
import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sagewizard.engine import journal, swrun
from sagewizard.engine import state as states
from sagewizard.engine.unpacked import Unpacked
from sagewizard.errors import SageWizardError, UsageError
from sagewizard.events import Event, RunStarted
from sagewizard.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sagewizard.engine.looking import DataLook
    from sagewizard.engine.table import Table
    from sagewizard.recipe.recipe import Recipe


class Recording:
    """A run to be played back; `folder` is like a run's folder, `settings` like those of a home.

    `where` says in words where it is from. Use it as a context manager, or `close` it.
    """

    def __init__(
        self,
        settings: Settings,
        run_id: str,
        where: str,
        unpacked: Unpacked | None = None,
    ) -> None:
        self.settings = settings
        self.run_id = run_id
        self.where = where
        self.folder = settings.runs / run_id
        self._unpacked = unpacked
        self.events: tuple[Event, ...] = tuple(journal.read(self.folder / journal.NAME))
        if not self.events:
            raise UsageError(
                "This run has no events to play back.", where=where, remedy="Choose another run."
            )
        self.state = states.load(self.folder)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_raised: object) -> None:
        """Close it."""
        self.close()

    @property
    def packed(self) -> bool:
        """Whether it comes from a file, and not from this home."""
        return self._unpacked is not None

    @property
    def start(self) -> RunStarted:
        """Return the first RunStarted. UsageError in a journal without one."""
        for event in self.events:
            if isinstance(event, RunStarted):
                return event
        raise UsageError("The journal has no beginning.", where=self.where, remedy="Choose another run.")

    @property
    def moment(self) -> float:
        """When the run began, in seconds since the epoch."""
        return self.events[0].time

    @property
    def date(self) -> str:
        """The day on which the run began, in UTC, as 2026-11-21."""
        return time.strftime("%Y-%m-%d", time.gmtime(self.moment))

    def here(self, event: Event) -> Event:
        """Return an event as this machine needs it: with the folder in which the results are now."""
        if isinstance(event, RunStarted):
            return dataclasses.replace(event, folder=str(self.folder))
        return event

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe as it was, with what was set for the run."""
        from sagewizard.engine.opening import recipe_of

        return recipe_of(self.settings, self.state)

    def look(self) -> DataLook:
        """Return what there is to see of the training split. UsageError when it was not taken along."""
        from sagewizard.engine import looking

        if not self.packed:
            self._check_local()
            return looking.look(self.recipe, self.settings)
        body = self._read("look.json")
        try:
            columns = tuple(
                looking.ColumnLook(**{**column, "bins": tuple(column["bins"])})
                for column in body.pop("columns")
            )
            shape = body.pop("image_shape")
            return looking.DataLook(
                columns=columns,
                labels=tuple(body.pop("labels")),
                values=tuple(tuple(float(v) for v in row) for row in body.pop("values")),
                classes=tuple((str(name), int(count)) for name, count in body.pop("classes")),
                image_shape=None if shape is None else (int(shape[0]), int(shape[1])),
                **body,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._damaged("look.json", error) from error

    def table(self) -> Table:
        """Return the test rows: all of a run of this home, those that were taken along of a file."""
        import threading

        from sagewizard.engine.recorded_rows import RecordedTable

        if not self.packed:
            from sagewizard.engine.steps.dataset import load_table

            self._check_local()
            begun = self.state.outputs("dataset").get("fingerprint")
            return load_table(self.recipe, self.settings, cancel=threading.Event(), begun=begun)[0]
        try:
            return RecordedTable.read(self._read("rows.json"))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._damaged("rows.json", error) from error

    def close(self) -> None:
        """Take away what was unpacked."""
        if self._unpacked is not None:
            self._unpacked.close()

    def _read(self, name: str) -> dict[str, Any]:
        import orjson

        try:
            body = orjson.loads((self.folder / name).read_bytes())
        except FileNotFoundError as error:
            raise UsageError(
                "The rows of the data are not part of this recorded run.",
                remedy="Run the recipe yourself to look at them.",
            ) from error
        except (OSError, ValueError) as error:
            raise self._damaged(name, error) from error
        if not isinstance(body, dict):
            raise self._damaged(name, "it is no object")
        return body

    def _damaged(self, name: str, error: object) -> UsageError:
        return UsageError(
            f"{name} of the recorded run cannot be read: {error}.",
            where=self.where,
            remedy="Export it again.",
        )

    def _check_local(self) -> None:
        """Playing back downloads nothing: the data has to be on this machine."""
        from sagewizard.data.bundled import BUNDLED

        name = self.recipe.file.dataset.name
        if name is None or name in BUNDLED:
            return
        folders = [self.settings.cache / name, *([self.settings.data / name] if self.settings.data else [])]
        if not any(folder.is_dir() and any(folder.iterdir()) for folder in folders):
            raise UsageError(
                f"The data {name} is not on this machine any more, and playing back downloads nothing.",
                remedy="Run the recipe yourself to look at its rows.",
            )


def shipped() -> dict[str, Path]:
    """Return the recorded runs that ship with the program, by the name of their recipe."""
    folder = Path(__file__).resolve().parent.parent / "recorded"
    return {path.stem: path for path in sorted(folder.glob(f"*{swrun.SUFFIX}"))}


def open_file(path: Path) -> Recording:
    """Check a file and unpack it. Raises UsageError for everything that can be wrong with it."""
    about, members = swrun.unpack(path)
    try:
        run_id = states.check_run_id(str(about["run_id"]))
    except (KeyError, SageWizardError) as error:
        raise UsageError(
            "The file does not say which run it is.", where=str(path), remedy="Get the file again."
        ) from error
    for name in (journal.NAME, states.NAME, states.RECIPE):
        if name not in members:
            raise UsageError(
                f"The file is damaged: {name} is missing.", where=str(path), remedy="Get the file again."
            )
    unpacked = Unpacked()
    settings = Settings(home=unpacked.path, data=None)
    try:
        _write(settings.runs / run_id, members.items())
        return Recording(settings, run_id, str(path), unpacked)
    except SageWizardError as error:
        unpacked.close()
        # The folder that it was unpacked to says nothing to anybody.
        inside = error.where.removeprefix(str(settings.runs / run_id)).removeprefix("/")
        place = f"{path}, {inside}" if inside and inside != error.where else str(path)
        raise UsageError(error.message, where=place, remedy=error.remedy or "Get the file again.") from error
    except BaseException:
        unpacked.close()
        raise


def _write(folder: Path, members: Iterable[tuple[str, bytes]]) -> None:
    (folder / "results").mkdir(parents=True)
    for name, content in members:  # names were checked: one folder deep at most, and only `results`
        (folder / name).write_bytes(content)


def open_recording(wanted: str, settings: Settings) -> Recording:
    """Open by path, by the name of a shipped one, or by the id of a run of this home (or `last`).

    Raises UsageError with what there is.
    """
    if wanted.endswith(swrun.SUFFIX) or "/" in wanted:
        return open_file(Path(wanted).expanduser())
    known = shipped()
    if wanted in known:
        return open_file(known[wanted])
    if Path(wanted).is_file():
        return open_file(Path(wanted))
    try:
        state = states.find(settings.runs, wanted)
    except UsageError as error:
        if error.message.startswith("There is no run"):
            raise UsageError(
                f"There is no recorded run {wanted!r}.",
                remedy=f"Give a .swrun file, a run of `sagewizard runs list`, or one of {', '.join(known)}.",
            ) from error
        raise
    return Recording(settings, state.run_id, str(settings.runs / state.run_id))
