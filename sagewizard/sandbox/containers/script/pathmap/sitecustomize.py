"""Leads paths below /opt/ml, and names of hosts, to where they are on systems that cannot show them there.

It stands first on PYTHONPATH of a user's script and wraps what Python opens files with: open, and the
functions of os that take paths, on which pathlib, shutil, glob, numpy, pandas and joblib stand. Code that
opens files by itself (databases, Arrow, HDF5, other programs) does not pass here: it must take its paths from
the environment, which names the job's own folder.

The names of a job's hosts (algo-1, ...) lead to their addresses in Python's own socket module.
"""

from __future__ import annotations

import builtins
import importlib.util
import io
import os
import sys
from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

SHOWN = "/opt/ml"
# Function of os: how many of its first arguments are paths.
_FUNCTIONS = {
    "open": 1, "stat": 1, "lstat": 1, "listdir": 1, "scandir": 1, "mkdir": 1, "rmdir": 1, "remove": 1,
    "unlink": 1, "access": 1, "chmod": 1, "chown": 1, "utime": 1, "truncate": 1, "readlink": 1, "chdir": 1,
    "rename": 2, "replace": 2, "link": 2, "symlink": 2, "statvfs": 1, "mkfifo": 1,
}  # fmt: skip


def lead(path: Any, base: str) -> Any:
    """Return the path in the job's folder for one below /opt/ml, anything else unchanged."""
    try:
        text = os.fspath(path)
    except TypeError:
        return path
    if isinstance(text, bytes):
        led = lead(os.fsdecode(text), base)
        return os.fsencode(led) if led != os.fsdecode(text) else path
    if text == SHOWN or text.startswith(f"{SHOWN}/"):
        return base + text[len(SHOWN) :]
    return path


def install(base: str) -> None:
    """Wrap the functions of this interpreter."""

    def wrapped(function: Callable[..., Any], count: int) -> Callable[..., Any]:
        @wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            return function(*(lead(item, base) for item in arguments[:count]), *arguments[count:], **named)

        return call

    for name, count in _FUNCTIONS.items():
        if hasattr(os, name):
            setattr(os, name, wrapped(getattr(os, name), count))
    builtins.open = io.open = wrapped(builtins.open, 1)


def know(hosts: str) -> None:
    """Let Python's sockets know hosts: `current,name=address,...`, as the job's environment has them."""
    import socket

    current, *pairs = hosts.split(",")
    addresses = dict(pair.split("=", 1) for pair in pairs)

    def led(host: Any) -> Any:
        return addresses.get(host, host) if isinstance(host, str) else host

    def of_function(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(host: Any, *arguments: Any, **named: Any) -> Any:
            return function(led(host), *arguments, **named)

        return call

    def of_method(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(self: Any, address: Any) -> Any:
            known = isinstance(address, tuple) and address
            return function(self, (led(address[0]), *address[1:]) if known else address)

        return call

    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
        setattr(socket, name, of_function(getattr(socket, name)))
    for name in ("bind", "connect", "connect_ex"):
        setattr(socket.socket, name, of_method(getattr(socket.socket, name)))
    socket.gethostname = lambda: current


def _continue() -> None:
    """Run the sitecustomize that this one hides, if the environment has one."""
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
    for folder in sys.path:
        path = f"{folder}/sitecustomize.py"
        if folder and os.path.abspath(folder) != here and os.path.isfile(path):  # noqa: PTH100, PTH113
            found = importlib.util.spec_from_file_location("_sitecustomize", path)
            if found is not None and found.loader is not None:
                found.loader.exec_module(importlib.util.module_from_spec(found))
            return


if __name__ == "sitecustomize":
    _base = os.environ.get("SAGEWIZARD_OPT_ML", "")
    if _base:
        install(_base)
    if os.environ.get("SAGEWIZARD_HOSTS"):
        know(os.environ["SAGEWIZARD_HOSTS"])
    _continue()
