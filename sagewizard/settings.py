"""Where the program keeps things: the home folder and the folder of datasets.

Two environment variables decide: `SAGEWIZARD_HOME` (runs, ledger, sandbox state, cache; by default the
platform's user data folder) and `SAGEWIZARD_DATA` (datasets of one's own, laid out one folder a dataset).
Two homes never meet: everything, the sandbox server included, belongs to one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """The folders in force; `data` is None when no folder of datasets was named."""

    home: Path
    data: Path | None

    @property
    def runs(self) -> Path:
        """One folder a run: its journal, its state and its results."""
        return self.home / "runs"

    @property
    def cache(self) -> Path:
        """Downloaded datasets, one folder a dataset."""
        return self.home / "cache"

    @property
    def ledger(self) -> Path:
        """The SQLite file that lists every resource made by any run."""
        return self.home / "ledger.db"

    @property
    def sandbox(self) -> Path:
        """Everything the embedded SageMaker keeps."""
        return self.home / "sandbox"


def load(environ: dict[str, str] | None = None) -> Settings:
    """Read the settings from the environment; nothing is created on disk."""
    env = os.environ if environ is None else environ
    home = env.get("SAGEWIZARD_HOME", "").strip()
    data = env.get("SAGEWIZARD_DATA", "").strip()
    if home:
        home_path = Path(home).expanduser().absolute()
    else:
        import platformdirs  # 8 ms, only without SAGEWIZARD_HOME

        home_path = Path(platformdirs.user_data_dir("sagewizard", appauthor=False))
    return Settings(home=home_path, data=Path(data).expanduser().absolute() if data else None)
