"""The README's commands are true: every one parses, every file it names is there."""

import re
import shlex
from pathlib import Path

import click
import pytest
import typer
import yaml

from flows.cli import app

PROJECT = Path(__file__).parents[1]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
SHELL = [
    line.split("  #")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.strip()
]
TABLE = [
    c
    for row in re.findall(r"^\| (`segmentwerk .*?`) \|", README, re.MULTILINE)
    for c in re.findall(r"`(.*?)`", row)
]


@pytest.mark.parametrize("line", [c for c in (*SHELL, *TABLE) if c.startswith("segmentwerk ")])
def test_every_command_parses(line: str) -> None:
    command = typer.main.get_command(app)
    assert isinstance(command, click.Group) or hasattr(command, "commands")
    name, *arguments = shlex.split(line)[1:]
    command.commands[name].make_context(name, arguments)  # raises on an unknown option or a missing argument


@pytest.mark.parametrize("line", [c for c in SHELL if c.startswith("make ")])
def test_every_make_target_exists(line: str) -> None:
    targets = re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert line.split()[1] in targets


def test_every_linked_file_exists() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (PROJECT / link).exists()] == []


def test_every_test_the_threat_model_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", (PROJECT / "docs" / "security.md").read_text(encoding="utf-8")))
    assert len(named) > 10
    assert named - {path.stem for path in (PROJECT / "tests").rglob("test_*.py")} == set()


def test_every_name_in_the_file_map_exists() -> None:
    house = re.search(r"## The house\n\n```\n(.*?)```", README, re.DOTALL)
    assert house is not None
    missing, folder = [], ""
    for line in house[1].splitlines():
        if line and not line.startswith(" "):
            folder = line.partition("/")[0]
            if folder not in ("flows", "tasks", "models", "monitoring"):
                continue
            line = ""
        for name in re.findall(r"[a-z_]{4,}/?", re.sub(r"\(.*?\)", "", line)):
            path = PROJECT / folder / name.rstrip("/")
            if folder in ("flows", "tasks", "models", "monitoring") and not (
                path.is_dir() or path.with_suffix(".py").exists()
            ):
                missing.append(str(path.relative_to(PROJECT)))
    assert missing == []


def test_the_deployments_named_are_those_of_prefect_yaml() -> None:
    deployments = yaml.safe_load((PROJECT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    flows = {
        "weekly_retrain": "weekly-retrain",
        "daily_score": "daily-score",
        "measure_campaign": "measure-campaign",
        "plan_campaign": "plan-campaign",
        "forget_customer": "forget-customer",
        "rollback_champion": "rollback",
    }
    for deployment in deployments:
        assert f"`{flows[deployment['entrypoint'].split('.')[1]]}`" in README


def test_it_says_what_the_demo_prints() -> None:
    """The output shown is a real one: it has the lines that a demo's output has, in their order."""
    shown = README.split("<!-- demo output -->")[1].split("<!-- end of demo output -->")[0]
    marks = ["A simulated shop:", "Week to ", "rows read:", "challenger:", "drift:", "promotion:", "Segments",
             "What campaigns added", "Conversion", "Reports:", "Recovered the simulated segments with ARI"]  # fmt: skip
    places = [shown.find(mark) for mark in marks]
    assert -1 not in places
    assert places == sorted(places)
