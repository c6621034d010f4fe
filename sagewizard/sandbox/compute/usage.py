"""How busy the processes of jobs and models are, sent to CloudWatch as the use of their instances.

CPUUtilization is the sum over all cores, 100 a core; MemoryUtilization and DiskUtilization are percentages of
this machine's memory and of the file system that the folder is on. Linux only: it is read from /proc.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sagewizard.sandbox.compute.process import Child
    from sagewizard.sandbox.services import Services

# Soon after the start, because most jobs here end within a second or two; rarely later: it costs 0.1 ms.
FIRST_SECONDS, NEXT_SECONDS = 0.2, 2.0
_PROC = Path("/proc")


class Use(NamedTuple):
    """Processor seconds used since the start, and bytes of memory held now."""

    seconds: float
    resident: int


def use_of(pid: int) -> Use | None:
    """Read what a process and all below it have used; None when it has ended, or where there is no /proc."""
    seconds, resident, found = 0.0, 0, False
    waiting = [pid]
    while waiting:
        each = waiting.pop()
        with contextlib.suppress(OSError, ValueError, IndexError):
            # The name in brackets may hold anything; what follows it is counted from the last bracket.
            fields = (_PROC / str(each) / "stat").read_text().rpartition(")")[2].split()
            seconds += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
            resident += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
            found = True
            for task in (_PROC / str(each) / "task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
    return Use(seconds, resident) if found else None


@dataclass(eq=False, slots=True)
class _Watched:
    region: str
    namespace: str
    dimensions: Mapping[str, str]
    pid: Callable[[], int | None]
    folder: Path
    last: tuple[float, int | None, Use | None] = field(default=(0.0, None, None))


class UsageMeter:
    """Looks at what is watched, in a thread of its own that ends when nothing is."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._watched: list[_Watched] = []
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def watching(
        self,
        region: str,
        namespace: str,
        dimensions: Mapping[str, str],
        pid: Callable[[], int | None],
        folder: Path,
    ) -> Iterator[None]:
        """Send the use of a process, and of all below it, for as long as the context is open."""
        entry = _Watched(region, namespace, dimensions, pid, folder)
        self._start(entry)
        with self._lock:
            self._watched.append(entry)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="usage", daemon=True)
                self._thread.start()
            self._changed.set()
        try:
            yield
        finally:
            with self._lock:
                self._watched.remove(entry)
                self._changed.set()

    def _work(self) -> None:
        pause = FIRST_SECONDS
        while True:
            if self._changed.wait(pause):
                self._changed.clear()
                pause = FIRST_SECONDS
                with self._lock:
                    if not self._watched:
                        self._thread = None
                        return
                continue
            pause = NEXT_SECONDS
            with self._lock:
                entries = list(self._watched)
            for entry in entries:
                self._look(entry)

    def _start(self, entry: _Watched) -> None:
        pid = entry.pid()
        entry.last = (self._services.clock.monotonic(), pid, use_of(pid) if pid else None)

    def _look(self, entry: _Watched) -> None:
        began, process, before = entry.last
        self._start(entry)
        ended, same, now = entry.last
        if before is None or now is None or process != same or ended <= began:
            return
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        # The kernel counts in ticks of 10 ms, so a short look may find more than all cores can do.
        busy = min(max(now.seconds - before.seconds, 0.0) / (ended - began), os.cpu_count() or 1)
        values = {
            "CPUUtilization": 100 * busy,
            "MemoryUtilization": 100 * now.resident / memory,
        }
        with contextlib.suppress(OSError):
            disk = shutil.disk_usage(entry.folder)
            values["DiskUtilization"] = 100 * disk.used / disk.total
        for name, value in values.items():
            self._services.metrics.add(
                entry.region,
                entry.namespace,
                name,
                entry.dimensions,
                value,
                self._services.clock.now(),
                "Percent",
            )


@contextlib.contextmanager
def hosts_measured(
    meter: UsageMeter | None, arn: str, namespace: str, hosts: Mapping[str, Child], folder: Path
) -> Iterator[None]:
    """Send the use of a job's processes, by the name of the host that each stands for."""
    if meter is None:
        yield
        return
    with contextlib.ExitStack() as open_ones:
        for name, child in hosts.items():
            open_ones.enter_context(
                meter.watching(arn.split(":")[3], namespace, {"Host": name}, child.running, folder)
            )
        yield
