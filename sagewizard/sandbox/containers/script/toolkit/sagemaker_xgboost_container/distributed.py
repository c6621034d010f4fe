"""Training of several hosts together. A script has one host here, so it trains alone and is the master."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


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
    """Run the training function, if this host has data; it is told that it is the master when it asks."""
    if include_in_training:
        exec_fun(**({**args, "is_master": True} if update_rabit_args else args))
