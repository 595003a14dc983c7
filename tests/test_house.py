"""The rules of the house: who may import whom, what is pure, and that names, deployments and locks hold."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

HOUSE = Path(__file__).parent.parent
ROOMS = ("flows", "tasks", "models", "monitoring")
MAY_IMPORT = {
    "flows": {"flows", "tasks", "models", "monitoring"},
    "tasks": {"tasks", "models", "monitoring"},
    "models": {"models"},
    "monitoring": {"monitoring"},
}
SHARED = "models.schemas"
OUTSIDE = {
    "prefect", "mlflow", "deltalake", "requests", "httpx", "urllib", "socket", "subprocess", "shutil",
    "tempfile", "fsspec", "random", "time",
}  # fmt: skip
CLOCKS = {"now", "utcnow", "today", "time", "monotonic", "perf_counter"}
FILES = {
    "open",
    "read_text",
    "write_text",
    "read_bytes",
    "write_bytes",
    "mkdir",
    "unlink",
    "to_csv",
    "to_parquet",
}
PICKLING = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal", "jsonpickle"}
RUNS_TEXT = {"eval", "exec", "compile", "__import__"}
LOADS_OBJECTS = {"read_pickle", "to_pickle", "load_model", "eval"}
# Templates, style, script and catalogues are part of the program.
READS_ITS_OWN_FILES = {
    "monitoring/pages/layout/__init__.py": {"read_text"},
    "monitoring/pages/layout/catalogues/__init__.py": {"read_text"},
}
LONGEST = 520
HEAVY = ("prefect", "mlflow", "evidently", "pandas", "sklearn", "ibis")
BY_HAND = {"measure": {"campaign"}, "plan": {"campaign"}, "forget": {"key_kind", "key_hash"}}

SOURCES = sorted(path for room in ROOMS for path in (HOUSE / room).rglob("*.py"))
TESTS = sorted((HOUSE / "tests").rglob("*.py"))
PYPROJECT = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))
DEPLOYMENTS = yaml.safe_load((HOUSE / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]


def name_file(path: Path) -> str:
    return path.relative_to(HOUSE).as_posix()


def read_tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def list_imports(tree: ast.AST) -> Iterator[str]:
    """Every module imported anywhere; `from a import b` counts as a.b too, as b may be a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def list_calls(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def find_forbidden_imports(code: str, *, room: str) -> list[str]:
    found = []
    for module in list_imports(ast.parse(code)):
        top = module.split(".")[0]
        if top in ROOMS and top not in MAY_IMPORT[room]:
            shared = room == "monitoring" and f"{module}.".startswith(f"{SHARED}.")
            found += [] if shared else [module]
        if room in ("models", "monitoring") and top in OUTSIDE:
            found.append(module)
    return found


def find_effects(code: str, *, allowed: set[str] = frozenset()) -> list[str]:  # type: ignore[assignment]
    """Calls of a pure module that read a clock, or open or write a file."""
    found = []
    for call in list_calls(ast.parse(code)):
        owner, _, name = call.rpartition(".")
        if name in CLOCKS and owner.split(".")[-1] in ("datetime", "date", "time", "Timestamp"):
            found.append(call)
        if name in FILES - allowed:
            found.append(call)
        if owner == "np.random" and name not in ("default_rng", "Generator", "SeedSequence"):
            found.append(call)
    return found


def find_code_from_data(code: str) -> list[str]:
    """What would run code that came as data: pickles in any wrapping, `eval`, YAML with tags, arrays of objects."""
    tree = ast.parse(code)
    found = [module for module in list_imports(tree) if module.split(".")[0] in PICKLING]
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        call = ast.unparse(node.func)
        owner, _, name = call.rpartition(".")
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        arrays = owner in ("np", "numpy") and name in ("load", "save", "savez", "savez_compressed")
        if (
            call in RUNS_TEXT
            or name in LOADS_OBJECTS
            or (owner == "yaml" and not name.startswith("safe_"))
            or (arrays and given.get("allow_pickle") != "False")
        ):
            found.append(call)
    return found


def test_the_rules_see_what_breaks_them() -> None:
    assert find_forbidden_imports("def f():\n    from tasks.lake import Lake", room="models") == [
        "tasks.lake.Lake"
    ]
    assert find_forbidden_imports("import models.factors", room="monitoring") == ["models.factors"]
    assert find_forbidden_imports("from models import schemas", room="monitoring") == []
    assert find_forbidden_imports("from models.schemas import Events", room="monitoring") == []
    assert find_forbidden_imports("from flows.settings import Settings", room="tasks") == [
        "flows.settings.Settings"
    ]
    assert find_forbidden_imports("import mlflow.tracking", room="models") == ["mlflow.tracking"]
    assert find_effects("date.today(); open('x'); p.write_text('y'); datetime.datetime.now(UTC)") == [
        "date.today", "open", "p.write_text", "datetime.datetime.now",
    ]  # fmt: skip
    assert find_effects("np.random.default_rng(1).normal(); np.random.normal()") == ["np.random.normal"]
    bad = [
        "eval(t)",
        "exec(t)",
        "yaml.load(t)",
        "np.load(f)",
        "np.load(f, allow_pickle=True)",
        "pd.read_pickle(f)",
    ]
    bad += ["mlflow.pyfunc.load_model(u)", "import joblib", "from cloudpickle import loads"]
    assert [code for code in bad if not find_code_from_data(code)] == []
    assert find_code_from_data("np.load(f, allow_pickle=False); yaml.safe_load(t); re.compile(p)") == []


@pytest.mark.parametrize("room", ROOMS)
def test_imports_go_one_way(room: str) -> None:
    files = [path for path in SOURCES if path.is_relative_to(HOUSE / room)]
    assert files
    broken = {
        name_file(path): found
        for path in files
        if (found := find_forbidden_imports(path.read_text(encoding="utf-8"), room=room))
    }
    assert broken == {}


@pytest.mark.parametrize("room", ["models", "monitoring"])
def test_what_is_learnt_and_what_is_seen_is_pure(room: str) -> None:
    broken = {
        name_file(path): found
        for path in SOURCES
        if path.is_relative_to(HOUSE / room)
        and (
            found := find_effects(
                path.read_text(encoding="utf-8"), allowed=READS_ITS_OWN_FILES.get(name_file(path), set())
            )
        )
    }
    assert broken == {}


@pytest.mark.parametrize("room", ROOMS)
def test_no_data_is_run_as_code(room: str) -> None:
    broken = {
        name_file(path): found
        for path in SOURCES
        if path.is_relative_to(HOUSE / room)
        and (found := find_code_from_data(path.read_text(encoding="utf-8")))
    }
    assert broken == {}


def test_no_flow_hides_a_room_a_dependency_or_the_standard_library() -> None:
    needed = [*PYPROJECT["project"]["dependencies"], *PYPROJECT["project"]["optional-dependencies"]["dev"]]
    packages = {re.match(r"[\w-]+", line)[0].lower().replace("-", "_") for line in needed}  # type: ignore[index]
    imported = {module.split(".")[0] for path in SOURCES for module in list_imports(read_tree(path))}
    folders = {path.name for path in HOUSE.iterdir() if path.is_dir()}
    taken = packages | imported | folders | set(sys.stdlib_module_names)
    names = {path.stem for path in (HOUSE / "flows").glob("*.py") if not path.stem.startswith("__")}
    assert {"weekly_retrain", "settings"} <= names
    assert names & taken == set()


def test_every_room_is_packaged() -> None:
    patterns = PYPROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {pattern.removesuffix("*") for pattern in patterns} == set(ROOMS)
    folders = {path.parent for path in SOURCES}
    assert {name_file(folder) for folder in folders if not (folder / "__init__.py").is_file()} == set()
    script = PYPROJECT["project"]["scripts"]["segmentwerk"]
    module, _, function = script.partition(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_files_can_be_read_in_one_sitting() -> None:
    lengths = {
        name_file(path): len(path.read_text(encoding="utf-8").splitlines()) for path in [*SOURCES, *TESTS]
    }
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST} == {}


def test_nothing_is_left_to_do() -> None:
    mark = re.compile("TO" + r"DO\b|FIX" + r"ME\b|Not" + "ImplementedError")
    texts = [
        *SOURCES,
        *TESTS,
        *(HOUSE / "docs").glob("*.md"),
        HOUSE / "pyproject.toml",
        HOUSE / "prefect.yaml",
    ]
    assert [name_file(path) for path in texts if mark.search(path.read_text(encoding="utf-8"))] == []


def test_the_command_line_starts_light() -> None:
    code = f"import sys, flows.cli; print([m for m in {HEAVY!r} if m in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=HOUSE, capture_output=True, text=True, check=True, timeout=120
    )
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment["name"])
def test_a_deployment_names_a_flow_and_gives_what_it_needs(deployment: dict[str, Any]) -> None:
    from prefect import Flow

    module, _, name = deployment["entrypoint"].rpartition(".")
    flow = getattr(importlib.import_module(module), name)
    assert isinstance(flow, Flow)
    parameters = inspect.signature(flow.fn).parameters
    given = set(deployment["parameters"])
    assert given <= set(parameters)
    required = {name for name, one in parameters.items() if one.default is one.empty}
    assert required - given == BY_HAND.get(deployment["name"], set())
    assert not (deployment.get("schedules") and required - given), "a schedule cannot fill in parameters"


def test_every_flow_is_deployed_once() -> None:
    names = [deployment["name"] for deployment in DEPLOYMENTS]
    assert len(set(names)) == len(names)
    flows = {
        f"flows.{path.stem}.{node.name}"
        for path in (HOUSE / "flows").glob("*.py")
        for node in read_tree(path).body
        if isinstance(node, ast.FunctionDef)
        and any(ast.unparse(mark).split("(")[0] == "flow" for mark in node.decorator_list)
    }
    assert {deployment["entrypoint"] for deployment in DEPLOYMENTS} == flows


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_locks_name_versions_and_hashes_and_no_address(name: str) -> None:
    text = (HOUSE / name).read_text(encoding="utf-8")
    assert re.findall(r"https?:|--index-url|--extra-index-url|--find-links|--trusted-host|^-i ", text) == []
    entries = re.split(r"\n(?=[a-z0-9])", text.strip())
    packages = [entry for entry in entries if not entry.startswith("#")]
    assert len(packages) > 50
    assert [
        entry.splitlines()[0] for entry in packages if "==" not in entry or "--hash=sha256:" not in entry
    ] == []
