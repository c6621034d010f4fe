"""Several hosts training one model, through XGBoost's own collective, as the real container does.

The first host by name runs the tracker. All hosts meet once to tell who has data; those without leave, and
the rest form a second group in which `xgboost.train` sums its statistics. Only the master saves the model.

The hosts of a sandbox job are processes of one machine. The tracker's port is one the system has free, and it
is handed to the other hosts through a file in the folder named by SAGEWIZARD_MEETING_POINT.
"""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.containers.contract import AlgorithmError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from sagewizard.sandbox.containers.xgb.train import Training

FOLDER_VARIABLE = "SAGEWIZARD_MEETING_POINT"
_ADDRESS = "127.0.0.1"
_PATIENCE = 120  # seconds until a host that does not come fails the job
_GUIDE = "https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost.html"


def train_together(training: Training) -> None:
    """Train on every host that has data; returns at once on a host that has none."""
    container, log = training.container, training.log
    host, hosts = container.current_host, sorted(container.hosts)
    folder = os.environ.get(FOLDER_VARIABLE, "")
    if not folder:
        raise AlgorithmError(
            f"{len(hosts)} hosts were asked for, and {FOLDER_VARIABLE} does not say where they meet"
        )
    takes_part = "train" in training.matrices
    if not takes_part:
        log.warning(
            f"Host {host} does not have training data. Will broadcast to cluster and this host {host} will "
            "not be used in distributed training. Please divide the training data across instances properly. "
            f"See {_GUIDE}#Instance-XGBoost-distributed-training-divide-data. "
        )
    if "validation" in container.channels and "validation" not in training.matrices:
        log.warning(
            f"Host {host} does not have validation data in the validation channel. Will broadcast to "
            f"cluster and this host {host} will not be used in distributed training. Please divide the "
            f"validation data across instances properly. See {_GUIDE}"
            "#Instance-XGBoost-distributed-training-divide-data. "
        )
        takes_part = False
    with Group(Path(folder) / "first", host, hosts) as group:
        chosen = group.who(takes_part=takes_part)
    if not chosen:
        raise AlgorithmError("No hosts received training data.")
    if not takes_part:
        log.warning(f"Host {host} not being used for distributed training.")
        return
    if len(chosen) == 1:
        training.train(master=True, hosts=1)
        return
    with Group(Path(folder) / "second", host, chosen):
        training.train(master=host == min(chosen), hosts=len(chosen))


class Group:
    """A communication group of hosts while it is entered; the first host runs its tracker."""

    def __init__(self, address_file: Path, host: str, hosts: Sequence[str]) -> None:
        self.address_file, self.host, self.hosts = address_file, host, sorted(hosts)
        self.tracker: Any = None

    def __enter__(self) -> Self:
        """Join, waiting for the others; AlgorithmError when they do not come."""
        from xgboost import collective
        from xgboost.tracker import RabitTracker

        try:
            if self.host == self.hosts[0]:
                self.tracker = RabitTracker(len(self.hosts), _ADDRESS, sortby="task", timeout=_PATIENCE)
                self.tracker.start()
                arguments = self.tracker.worker_args()
                fresh = self.address_file.with_suffix(".new")
                fresh.write_text(json.dumps(arguments), encoding="utf-8")
                fresh.replace(self.address_file)
            else:
                arguments = self._await_address()
            # Ranks follow the names of the tasks, so that the master is rank 0 and sums are in one order.
            collective.init(
                **arguments, dmlc_task_id=f"{self.hosts.index(self.host):04d}", dmlc_timeout=_PATIENCE
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise AlgorithmError(f"Failed to connect to Rabit Tracker: {error}") from None
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Leave. After an error the others are told, so that they do not wait."""
        from xgboost import collective

        if kind is not None:
            os.environ.pop(FOLDER_VARIABLE, None)
            return
        collective.finalize()
        if self.tracker is not None:
            self.tracker.wait_for(timeout=_PATIENCE)

    def _await_address(self) -> dict[str, Any]:
        waiting = threading.Event()
        for _ in range(_PATIENCE * 50):
            if self.address_file.exists():
                found: dict[str, Any] = json.loads(self.address_file.read_text(encoding="utf-8"))
                return found
            waiting.wait(0.02)
        raise OSError(f"the tracker of {self.hosts[0]} did not start")

    def who(self, *, takes_part: bool) -> list[str]:
        """Tell the others whether this host takes part; return those that do.

        A sum of numbers: XGBoost's broadcast would send a pickle, and anybody on this machine could.
        """
        import numpy as np
        from xgboost import collective

        flags = np.zeros(len(self.hosts), np.float32)
        flags[self.hosts.index(self.host)] = takes_part
        flags = collective.allreduce(flags, collective.Op.SUM)
        return [host for host, flag in zip(self.hosts, flags, strict=True) if flag > 0]


def any_host(flag: bool) -> bool:
    """Tell whether it holds on any host of the group, so that all stop after the same round."""
    import numpy as np
    from xgboost import collective

    found = collective.allreduce(np.array([flag], np.float32), collective.Op.MAX)
    return bool(found[0] > 0)
