"""Deletes what a run has made from outside of that run, with the run's journal going on and the run held."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from sagewizard.engine import state as states
from sagewizard.engine.recorder import Recorder
from sagewizard.engine.teardown import Teardown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sagewizard.engine.engine import Engine
    from sagewizard.engine.teardown import TeardownReport
    from sagewizard.events import Event


def clean(
    engine: Engine,
    *,
    run_id: str,
    names: Collection[str] | None = None,
    data: bool = False,
    on_event: Callable[[Event], None] | None = None,
    cancel: threading.Event | None = None,
) -> list[tuple[str, str]]:
    """Delete what `run_id` has made on the engine's target, all or what is in `names`; return what stayed.

    The answer lists (name, reason). The run's objects in the bucket are kept unless `data`. Events go into
    the run's journal and to `on_event`, in this thread. Raises UsageError when another process, or an
    engine in this one, is at work on the run, CancelledError when `cancel` is set.
    """
    cancel = cancel or threading.Event()
    target = engine.target
    folder = engine.settings.runs / run_id
    entries = [
        entry
        for entry in engine.ledger.alive(run_id=run_id, target=target.name, account=target.account_id)
        if entry.region == target.region
        and (names is None or entry.name in names)
        and (data or entry.kind != "s3-prefix")
    ]
    if not entries:
        return []
    with ExitStack() as held:
        if folder.is_dir():
            held.enter_context(states.exclusive(folder))
        recorder = Recorder(run_id, engine.clock)
        if (folder / states.NAME).is_file():
            recorder.resume(folder)

        def emit(event_type: type[Event], **fields: Any) -> None:
            recorder.emit(event_type, **fields)
            event = recorder.next()
            if event is not None and on_event is not None:
                on_event(event)

        tool = Teardown(target, engine.api(cancel), engine.ledger, engine.clock, cancel, emit)
        try:
            report: TeardownReport = tool.delete(entries)
        finally:
            recorder.close()
    return [(entry.name, reason) for entry, reason in report.failed]
