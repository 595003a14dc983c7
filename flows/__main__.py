"""`python -m flows …`: the command line; where nothing is installed yet, the environment is made first."""

from __future__ import annotations

import importlib.util
import subprocess
import sys


def main() -> None:
    if importlib.util.find_spec("prefect") is None:
        from flows.bootstrap import prepare_environment

        python = prepare_environment()
        raise SystemExit(subprocess.run([str(python), "-m", "flows", *sys.argv[1:]], check=False).returncode)
    from flows.cli import main as run_command_line

    run_command_line()


if __name__ == "__main__":
    main()
