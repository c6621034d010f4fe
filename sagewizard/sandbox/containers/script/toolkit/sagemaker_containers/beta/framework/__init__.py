"""The modules that inference scripts import: content_types, encoders, worker and their neighbours."""

from __future__ import annotations

from . import content_types, encoders, env, modules, server, transformer, worker

__all__ = ["content_types", "encoders", "env", "modules", "server", "transformer", "worker"]
