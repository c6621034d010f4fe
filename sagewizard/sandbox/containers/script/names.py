"""Owns what a container is told of its job's hosts: their addresses by name, and which of them it is."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "SAGEWIZARD_NETWORK"
FILE = ".hosts"  # below a job's folder: what a program finds at /etc/hosts
_SYSTEM = Path("/etc/hosts")


@dataclass(frozen=True, slots=True)
class Names:
    """The hosts of a job: `addresses` by name, the `current` one, and a `port` for the first to listen on."""

    addresses: Mapping[str, str] = field(default_factory=dict)
    current: str = ""
    port: int = 7777

    def text(self) -> str:
        """Write it for the environment of a container."""
        return json.dumps({"addresses": dict(self.addresses), "current": self.current, "port": self.port})

    def joined(self) -> str:
        """Write it for the hooks of a program without a namespace: this host, then `name=address` for all."""
        pairs = [f"{name}={address}" for name, address in self.addresses.items()]
        return ",".join([self.current, *pairs])

    def write(self, base: Path) -> None:
        """Write the hosts file below a job's folder: these names, then the system's own."""
        lines = "".join(f"{address}\t{name}\n" for name, address in self.addresses.items())
        try:
            lines += _SYSTEM.read_text(encoding="utf-8", errors="replace")
        except OSError:
            lines += "127.0.0.1\tlocalhost\n"
        (base / FILE).write_text(lines, encoding="utf-8")


def read(environ: Mapping[str, str]) -> Names:
    """Return what the environment says; no names where it says nothing."""
    text = environ.get(VARIABLE, "")
    return Names(**json.loads(text)) if text else Names()
