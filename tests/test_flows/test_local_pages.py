"""`segmentwerk ui`: Prefect, MLflow and the reports answer on this machine, and Ctrl-C ends all three."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from own_prefect import PROJECT, wait_for

from tasks.local_servers import HOST, choose_port
from tasks.simulated_shop import write_config


def test_a_stated_port_that_is_taken_is_refused_and_a_usual_one_given_up() -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        taken = other.getsockname()[1]
        with pytest.raises(OSError, match=f"port {taken} is taken; give another one with --mlflow-port"):
            choose_port(taken, usual=5000, option="--mlflow-port")
        assert choose_port(None, usual=taken, option="--mlflow-port") != taken


@pytest.mark.long
def test_all_three_answer_until_ctrl_c(tmp_path: Path) -> None:
    config = write_config(tmp_path / "shop")
    reports = tmp_path / "shop" / "var" / "reports" / "latest"
    reports.mkdir(parents=True)
    (reports / "index.html").write_text("the newest report")
    with socket.socket() as free:
        free.bind((HOST, 0))
        stated = free.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    environment |= {
        "HOME": str(tmp_path),
        "PYTHONPATH": str(PROJECT),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
    command = [sys.executable, "-m", "flows", "ui", "--config", str(config), "--mlflow-port", str(stated)]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            told = dict(process.stdout.readline().split() for _ in range(3))
            assert list(told) == ["Prefect", "MLflow", "Reports"]
            assert told["MLflow"] == f"http://{HOST}:{stated}"
            assert all(re.match(r"http://127\.0\.0\.1:\d+", address) for address in told.values())
            assert "Prefect" in httpx.get(told["Prefect"], follow_redirects=True, timeout=30).text
            assert httpx.get(f"{told['Prefect']}/api/health", timeout=30).json() is True
            assert "MLflow" in httpx.get(told["MLflow"], timeout=30).text
            assert httpx.get(told["Reports"], timeout=30).text == "the newest report"
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) == 0, process.stderr and process.stderr.read()
    for address in told.values():
        wait_for(lambda address=address: not answers(address))


def answers(address: str) -> bool:
    try:
        httpx.get(address, timeout=5)
    except httpx.TransportError:
        return False
    return True
