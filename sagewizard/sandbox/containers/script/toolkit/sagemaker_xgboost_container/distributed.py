"""Training of several hosts together, through XGBoost's own collective; one host alone is the master."""

from __future__ import annotations

import itertools
import logging
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_MEETING_POINT = "SAGEWIZARD_MEETING_POINT"
_calls = itertools.count(1)


def wait_hostname_resolution(sm_hosts: list[str]) -> None:
    """Look up every host; here their names are known from the start."""
    for host in sm_hosts:
        socket.gethostbyname(host)


def rabit_run(
    exec_fun: Callable[..., Any],
    args: dict[str, Any],
    include_in_training: bool,
    hosts: list[str],
    current_host: str,
    first_port: int | None = None,
    second_port: int | None = None,
    max_connect_attempts: int | None = None,
    connect_retry_timeout: int = 3,
    update_rabit_args: bool = False,
) -> None:
    """Run the training function on every host that has data; it is told whether it is the master, if it asks.

    The hosts find each other through a folder of the job, so ports and patience are not asked for. A host
    without data ends its program, as in the image.
    """

    def train(*, master: bool) -> None:
        exec_fun(**({**args, "is_master": master} if update_rabit_args else args))

    folder = os.environ.get(_MEETING_POINT, "")
    if len(hosts) == 1 or not folder:
        if include_in_training:
            train(master=True)
        return
    from sagewizard.sandbox.containers.xgb.collective import Group

    place = Path(folder) / f"script-{next(_calls)}"
    with Group(place.with_suffix(".first"), current_host, hosts) as group:
        chosen = group.who(takes_part=include_in_training)
    if not chosen:
        raise RuntimeError("No hosts received training data.")
    if not include_in_training:
        logging.warning("Host %s not being used for distributed training.", current_host)
        sys.exit(0)
    if len(chosen) == 1:
        train(master=True)
        return
    with Group(place.with_suffix(".second"), current_host, chosen):
        train(master=current_host == min(chosen))
