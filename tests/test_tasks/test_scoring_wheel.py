"""A registered model far from home: an environment of its own requirements, no project folder, a server on loopback."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pandas as pd
import pytest

from models.outliers import SPLIT_NAMES
from models.promotion import GateValues
from models.recipes import Recipe
from models.segmenter import Segmenter, fit_segmenter
from tasks.registration import register_segmenter
from tasks.registry import open_registry
from tasks.scoring_wheel import pack_code
from tasks.segments_model import SegmentsModel

FACTORS = ["aov", "orders_90d", "days_since_last_purchase", "revenue_180d"]
NAMES = {1: "Big baskets", 2: "Regulars"}  # the third has none yet
GATES = GateValues(
    segments=3, smallest_share=0.2, outlier_share=0.0, stability=0.9, stability_min=0.8, separation=0.3
)
PREDICT = """
import json, sys
import mlflow, pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[1])
placed = model.predict(pd.read_parquet(sys.argv[2]))
import models, tasks
placed.to_parquet(sys.argv[3])
print(json.dumps([models.__path__[0], tasks.__path__[0], *sorted({m.split(".")[0] for m in sys.modules})]))
"""
PATIENCE = 120  # seconds


@pytest.fixture(scope="module")
def customers() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    centres = np.repeat([[200, 1, 60, 400], [40, 12, 10, 900], [50, 0.5, 300, 30.0]], 60, axis=0)
    index = pd.Index([f"c{n:03d}" for n in range(len(centres))], name="customer_id")
    return pd.DataFrame(centres * rng.lognormal(0, 0.15, centres.shape), index, FACTORS)


@pytest.fixture(scope="module")
def segmenter(customers: pd.DataFrame) -> Segmenter:
    fitted = fit_segmenter(customers, recipe=Recipe("kmeans", {"segments": 3}), seed=0)
    return fitted.rename(NAMES, rules={1: "Average order value above 100"})


@pytest.fixture(scope="module")
def model(segmenter: Segmenter, customers: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registered model, downloaded to a folder as a stranger would."""
    import mlflow

    registry = open_registry(tmp_path_factory.mktemp("home"))
    version = register_segmenter(
        registry, segmenter, as_of=date(2026, 11, 15), snapshot_id="one", parameters={}, metrics={},
        gates=GATES, candidates=pd.DataFrame({"algorithm": ["kmeans"]}), input_example=customers.head(5),
    )  # fmt: skip
    target = tmp_path_factory.mktemp("elsewhere") / "model"
    return Path(mlflow.artifacts.download_artifacts(f"models:/segments/{version}", dst_path=str(target)))


@pytest.fixture(scope="module")
def python(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a new environment with what the model asks for, and nothing else."""
    environment = tmp_path_factory.mktemp("clean") / "venv"
    uv, python = [sys.executable, "-m", "uv"], environment / "bin" / "python"
    subprocess.run(
        [*uv, "venv", "-q", "--python", sys.executable, str(environment)], check=True, timeout=PATIENCE
    )
    install = [*uv, "pip", "install", "-q", "--python", str(python), "-r", "requirements.txt"]
    done = subprocess.run(install, cwd=model, env=leave_home(), capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    return python


def leave_home() -> dict[str, str]:
    """The environment variables without the ways to find the project."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}


def test_the_same_code_is_the_same_wheel(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    first, second = pack_code(tmp_path), pack_code(tmp_path / "again")
    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()
    names = zipfile.ZipFile(first).namelist()
    assert {"models/segmenter.py", "models/clusterers/kmeans.py", "tasks/segments_model.py"} <= set(names)
    assert [name for name in names if name.startswith(("flows", "monitoring", "tasks/registry"))] == []


def test_the_model_says_all_it_needs(model: Path, segmenter: Segmenter, customers: pd.DataFrame) -> None:
    import mlflow

    requirements = (model / "requirements.txt").read_text(encoding="utf-8").split()
    wheels = [line for line in requirements if line.endswith(".whl")]
    assert [(model / wheel).is_file() for wheel in wheels] == [True]
    assert all("==" in line for line in requirements if line not in wheels)
    info = mlflow.models.get_model_info(str(model))
    assert info.signature.inputs.input_names() == list(segmenter.factors)
    example = mlflow.pyfunc.load_model(str(model)).input_example
    assert len(example) == 1
    np.testing.assert_allclose(example[FACTORS].iloc[0], customers[FACTORS].median())


def test_names_and_rules_travel_with_the_model(model: Path) -> None:
    meta = json.loads((model / "data" / "state" / "meta.json").read_text(encoding="utf-8"))
    assert meta["names"] == {str(segment): name for segment, name in (NAMES | dict(SPLIT_NAMES)).items()}
    assert meta["rules"] == {"1": "Average order value above 100"}
    assert [path.name for path in model.rglob("*") if path.suffix in (".pkl", ".pickle", ".joblib")] == []


@pytest.mark.long
def test_a_clean_environment_predicts_the_same(
    model: Path, python: Path, segmenter: Segmenter, customers: pd.DataFrame, tmp_path: Path
) -> None:
    given, placed = tmp_path / "given.parquet", tmp_path / "placed.parquet"
    customers.to_parquet(given)
    done = subprocess.run(
        [str(python), "-c", PREDICT, str(model), str(given), str(placed)],
        cwd=tmp_path, env=leave_home(), capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    models, tasks, *modules = json.loads(done.stdout.splitlines()[-1])
    assert all(Path(found).is_relative_to(python.parents[1]) for found in (models, tasks))
    assert set(modules) & {"flows", "monitoring", "prefect", "evidently", "hdbscan", "minisom"} == set()
    pd.testing.assert_frame_equal(pd.read_parquet(placed), segmenter.explain(customers))


@pytest.mark.long
def test_served_over_http_it_answers(
    model: Path, python: Path, segmenter: Segmenter, customers: pd.DataFrame, tmp_path: Path
) -> None:
    asked = customers.iloc[[0, 60, 120]].copy()
    asked.iloc[0, 0] = np.nan
    expected = SegmentsModel(segmenter).predict(asked)
    with serve(model, python, folder=tmp_path) as address:
        answers = ask(address, asked)
        alone = ask(address, asked.iloc[:1])
    assert [row["segment_id"] for row in answers] == expected["segment_id"].tolist()
    assert [row["segment_name"] for row in answers] == expected["segment_name"].tolist()
    assert {row["segment_name"] for row in answers} == {*NAMES.values(), None}
    np.testing.assert_allclose([row["strength"] for row in answers], expected["strength"])
    assert [row["reason_1"] for row in answers] == expected["reason_1"].tolist()
    assert alone == answers[:1]


@contextmanager
def serve(model: Path, python: Path, *, folder: Path) -> Iterator[str]:
    """`mlflow models serve` on a free port of loopback while the block runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        str(python), "-m", "mlflow", "models", "serve", "--model-uri", str(model), "--env-manager", "local",
        "--host", "127.0.0.1", "--port", str(port),
    ]  # fmt: skip
    paths = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            command,
            cwd=folder,
            env=leave_home() | {"PATH": paths},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for(address, server, log=folder / "server.log")
            yield address
        finally:
            os.killpg(server.pid, 15)
            server.wait(timeout=30)


def wait_for(address: str, server: subprocess.Popen[bytes], *, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/ping", timeout=5):  # noqa: S310
                return
        except (URLError, OSError):
            time.sleep(0.5)
    pytest.fail(f"no answer: {log.read_text()}")


def ask(address: str, factors: pd.DataFrame) -> list[dict[str, object]]:
    split = json.loads(factors.to_json(orient="split", index=False))
    request = urllib.request.Request(  # noqa: S310 - an address of loopback
        f"{address}/invocations",
        data=json.dumps({"dataframe_split": split}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
        found: list[dict[str, object]] = json.load(answer, parse_constant=refuse)["predictions"]
    return found


def refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
