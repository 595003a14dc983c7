"""The flows as deployments of a Prefect server: the work pool, what `prefect.yaml` says, and where a run begins."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER_VARIABLE = "SEGMENTWERK_FOLDER"
SHOWN = 800


class DeployError(RuntimeError):
    """The flows could not be deployed."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """What stands on the server now.

    Attributes:
        api: the server's address.
        pool: the work pool's name.
        pool_made: whether it had to be made.
        deployments: their names.
    """

    api: str
    pool: str
    pool_made: bool
    deployments: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "api": self.api,
            "pool": self.pool,
            "pool_made": self.pool_made,
            "deployments": list(self.deployments),
            "worker": f"{FOLDER_VARIABLE}=$PWD prefect worker start --pool {self.pool}",
        }


def enter_folder() -> dict[str, str]:
    """A pull step: the run begins where the worker's `SEGMENTWERK_FOLDER` says that the configuration is.

    Raises:
        LookupError: the worker has no such variable.
        NotADirectoryError: it names no folder.
    """
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        raise LookupError(
            f"{FOLDER_VARIABLE} is not set for this worker; start it with the folder of the configuration: "
            f"{FOLDER_VARIABLE}=$PWD prefect worker start --pool …"
        )
    if not Path(folder).is_dir():
        raise NotADirectoryError(
            f"{FOLDER_VARIABLE} is '{folder}', which is no folder on the worker's machine"
        )
    os.chdir(folder)
    return {"directory": os.getcwd()}


def deploy_flows(file: Path, *, pool_type: str) -> Deployed:
    """Make the work pool where it is missing, and every deployment of a `prefect.yaml` anew.

    Args:
        file: the `prefect.yaml`.
        pool_type: of a pool that has to be made: `process`, or a type whose worker package is installed.

    Raises:
        DeployError: there is no server to deploy to, no such file, or Prefect refused; the message says what to do.
    """
    from prefect.settings import PREFECT_API_URL

    api = PREFECT_API_URL.value()
    if not api:
        raise DeployError(
            "there is no Prefect server to deploy to: set PREFECT_API_URL, for example to "
            "http://127.0.0.1:4200/api where `segmentwerk ui` runs"
        )
    pool, names = read_deployments(file)
    made = ensure_pool(pool, pool_type=pool_type)
    _run_prefect("deploy", "--all", "--prefect-file", file.name, folder=file.resolve().parent)
    return Deployed(api, pool, made, names)


def read_deployments(file: Path) -> tuple[str, tuple[str, ...]]:
    """The one work pool of a `prefect.yaml`, and the names of its deployments.

    Raises:
        DeployError: there is no such file, or its deployments name more than one pool.
    """
    import yaml

    if not file.is_file():
        raise DeployError(f"{file} is not there; give the project's own with --file")
    deployments: list[Mapping[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))["deployments"]
    pools = sorted({one["work_pool"]["name"] for one in deployments})
    if len(pools) > 1:
        raise DeployError(f"{file} names more than one work pool: {', '.join(pools)}; one command makes one")
    return pools[0], tuple(one["name"] for one in deployments)


def ensure_pool(name: str, *, pool_type: str) -> bool:
    """Make a work pool unless it is there; whether it was made. One that is there stays as it is."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    with get_client(sync_client=True) as client:
        try:
            client.read_work_pool(name)
        except ObjectNotFound:
            _run_prefect("work-pool", "create", name, "--type", pool_type, folder=Path())
            return True
    return False


def _run_prefect(*arguments: str, folder: Path) -> None:
    command = [sys.executable, "-m", "prefect", "--no-prompt", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        told = (done.stderr.strip() or done.stdout.strip())[-SHOWN:]
        raise DeployError(f"`prefect {' '.join(arguments)}` failed: {told}")
