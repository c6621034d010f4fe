"""Tiny training containers."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))


def base() -> Path:
    return Path(os.environ["SAGEMAKER_BASE_DIR"])


def learns() -> int:
    rows = sum(
        len(path.read_bytes().splitlines()) for path in (base() / "input/data").rglob("*") if path.is_file()
    )
    for epoch in range(3):
        print(f"#quality_metric: host=algo-1, epoch={epoch}, train loss <loss>={1 / (epoch + 1)}")
    print("\x1b[34mtab\there\x1b[0m")
    print(f"rows={rows} in {base() / 'input/data'}")
    (base() / "model" / "weights").write_text(str(rows))
    (base() / "output" / "data" / "report.txt").write_text("fine")
    return 0


def describes() -> int:
    """Store everything a container can see in the model."""
    seen = {
        "env": dict(os.environ),
        "files": {
            str(path.relative_to(base())): path.read_bytes().decode("latin-1")
            for path in sorted(base().rglob("*"))
            if path.is_file()
        },
        "folders": sorted(str(path.relative_to(base())) for path in base().rglob("*") if path.is_dir()),
    }
    (base() / "model" / "seen.json").write_text(json.dumps(seen))
    return 0


def writes_into_its_data() -> int:
    for path in (base() / "input/data").rglob("*"):
        if path.is_file():
            path.write_bytes(b"changed")
    return 0


def learns_nothing() -> int:
    return 0


def fails_quietly() -> int:
    return 2


def fails_with_reason() -> int:
    (base() / "output" / "failure").write_text(os.environ["REASON"].replace("BASE", str(base())))
    (base() / "model" / "half").write_text("half")
    (base() / "output" / "data" / "trace.txt").write_text("trace")
    return 1


def fails_with_a_link() -> int:
    (base() / "output" / "failure").symlink_to("/etc/hostname")
    return 1


def dies() -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def waits_for_stop() -> int:
    def stop(number: int, frame: object) -> None:
        os.write(1, b"saving\n")  # print is not re-entrant
        (base() / "model" / "partial").write_text("partial")
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    print("ready")
    threading.Event().wait()
    return 0


def checkpoints() -> int:
    folder = base() / "checkpoints"
    found = sorted(path.name for path in folder.iterdir())
    print(f"found={found}")
    (folder / f"step-{len(found)}").write_text("state")
    return 0


def keeps_them_elsewhere() -> int:
    config = json.loads((base() / "input/config/checkpointconfig.json").read_text())
    (base() / config["LocalPath"].removeprefix("/opt/ml/") / "step-0").write_text(config["LocalPath"])
    return 0


def keeps_a_checkpoint() -> int:
    (base() / "checkpoints" / "deep").mkdir()
    (base() / "checkpoints" / "deep" / "step-0").write_text("state")
    return waits_for_stop()


def odd_numbers() -> int:
    for text in ("0.9948", "nan", "inf", "1e99", "abc", "-2.5"):
        print(f"value={text};")
    return 0
