"""Owns how a script of several processes is started: what the SDK's `distribution` asks the toolkit for.

`torch_distributed` starts torchrun on every host, which starts the script once a processor: here once, since
there are no GPUs. What needs Amazon's own libraries, or MPI, is refused. Without any of them the script runs
once on every host, and PyTorch's variables tell it where the first host listens.
"""

from __future__ import annotations

import shlex
import subprocess
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.containers.contract import CustomerError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sagewizard.sandbox.containers.script.world import World

_TORCHRUN = "sagemaker_torch_distributed_enabled"
_PROCESSES = "sagemaker_mpi_num_of_processes_per_host"
_MOST_PROCESSES = 8
_ABSENT = {
    "sagemaker_mpi_enabled": "mpi needs mpirun and SSH between the hosts, which the sandbox does not have",
    "sagemaker_pytorch_ddp_enabled": "pytorchddp needs Amazon's smdistributed library and GPUs",
    "sagemaker_distributed_dataparallel_enabled": (
        "smdistributed and pytorchddp need Amazon's smdistributed library and GPUs"
    ),
    "sagemaker_pytorch_xla_multi_worker_enabled": "pytorchxla needs PyTorch/XLA and GPUs",
}


def check(kept: Mapping[str, Any]) -> None:
    """Refuse a distribution that is absent: CustomerError says what does the same."""
    for name, why in _ABSENT.items():
        if kept.get(name) is True:
            raise CustomerError(
                f"The distribution is absent: {why}. Use torch_distributed, which starts torchrun on every"
                " host, or none: then the script runs once on every host and can join them itself."
            )


def variables(world: World, master: str) -> dict[str, str]:
    """Return what the PyTorch images tell a script for `torch.distributed`."""
    return {
        "MASTER_ADDR": world.address(master),
        "MASTER_PORT": str(world.hosts.port),
        "NCCL_SOCKET_IFNAME": "eth0",
        "NCCL_IB_DISABLE": "1",
        "NCCL_DEBUG": "WARN",
    }


def wanted(kept: Mapping[str, Any]) -> bool:
    """Tell whether torchrun is to start the script."""
    return kept.get(_TORCHRUN) is True


def command(
    kept: Mapping[str, Any],
    world: World,
    python: Path,
    hosts: Sequence[str],
    current: str,
    script: Sequence[str],
    env: Mapping[str, str],
) -> tuple[list[str], str]:
    """Return torchrun's command for a script and its arguments, and the same as the real container has it."""
    program = script[0]
    if not program.endswith(".py"):
        raise CustomerError("torch_distributed starts Python scripts only, and the entry point is none.")
    shown_python = world.name(python)
    look = "import importlib.util, sys; sys.exit(importlib.util.find_spec('torch') is None)"
    there = subprocess.run(
        world.command([shown_python, "-c", look], python.parent), env=dict(env), check=False
    )
    if there.returncode != 0:
        raise CustomerError(
            "torch_distributed needs torch, which is not installed here: name it in requirements.txt, or run"
            " 'pip install torch' in SageWizard's environment."
        )
    asked = kept.get(_PROCESSES)
    processes = min(asked, _MOST_PROCESSES) if isinstance(asked, int) and asked > 0 else 1
    options = ["--nnodes", str(len(hosts)), "--nproc_per_node", str(processes)]
    port = str(world.hosts.port)
    rank = str(sorted(hosts).index(current))
    several = ["--master_addr", min(hosts), "--master_port", port, "--node_rank", rank]
    # One host alone would listen on torchrun's usual port, where another job may be.
    places = ["--master_addr", world.address(min(hosts)), *several[2:]]
    shown = shlex.join(["torchrun", *options, *(several if len(hosts) > 1 else []), *script])
    return [shown_python, "-m", "torch.distributed.run", *options, *places, *script], shown
