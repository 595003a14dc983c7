"""Command lines by the hundred, of every command and option there is: what cannot be meant is refused in one line."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from test_faults.fuzzing import assert_reason, assert_usage, cases, run
from test_faults.odd_settings import BASE, write_config
from test_faults.test_fuzzed_settings import write_shop

from flows.cli import app

PART = "command line"
CLI = typer.main.get_command(app)
COMMANDS: dict[str, Any] = CLI.commands  # type: ignore[attr-defined]
# These simulate a shop, start a server or wait for one when all is well: they are given what they refuse before.
STARTING: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("weekly", "score", "measure", "plan", "rollback", "forget", "ui"), ("--config", "missing.toml")),
    "models": ("--config", "no.toml"),
    "demo": ("--customers", "7"),
    "doctor": ("--silence", "1"),
    "deploy": ("--file", "missing.yaml"),
}  # fmt: skip
# A server that runs until it is interrupted, and a traceback on request.
LEFT_OUT = ("--serve", "--debug")
WORDS = (
    "", " ", "x", "spring", "warehouse", "nobody", "--", "-", "-1", "0", "1", "99999999999999999999", "1e9",
    "nan", "🎉", "\u202e", "a\nb", "\udcff", "x" * 300, "x" * 5_000, "'; drop table events; --",
    "../../etc/passwd", "%s", "$HOME", "email=ada@example.org", "email=", "=x", "email", "e'mail=x",
    "phone=", "crm=\u200b", "true",
)  # fmt: skip
DAYS = (
    "2026-05-04", "0001-01-01", "9999-12-31", "2026-02-30", "2026-13-01", "soon", "", "2026-05-04T00:00",
    "١-١-١", "04.05.2026", "-2026-05-04", "1969-12-31",
)  # fmt: skip
PLACES = (
    "shop.toml", "shop.toml", "missing.toml", "no.toml", "empty.toml", "in", ".", "", "in/a.csv",
    "/dev/null", "a/b/c.toml", "x" * 300, "shop.toml/x", "🎉.toml", "new.toml", "/proc/self/mem", "-",
    "costs.csv", "in/rubbish.csv", "in/empty.csv",
)  # fmt: skip


def list_values(parameter: Any) -> st.SearchStrategy[str]:
    """What a parameter is given: often of its kind, which its name tells."""
    if parameter.name in ("config", "file", "out", "folder"):
        return st.sampled_from(PLACES[:2]) | st.sampled_from(PLACES) | st.sampled_from(WORDS)
    if parameter.name == "as_of":
        return st.sampled_from(DAYS[:2]) | st.sampled_from(DAYS) | st.sampled_from(WORDS)
    if parameter.name == "method":
        return st.sampled_from(("pca", "tsne", "umap", "globe", "PCA", ""))
    if parameter.name in ("preview", "customers", "seed", "silence") or parameter.name.endswith("port"):
        return st.integers(-1, 9).map(str) | st.integers(-3, 10**12).map(str) | st.sampled_from(WORDS)
    return st.sampled_from(WORDS) | st.text(st.characters(exclude_characters="\0"), max_size=8)


@st.composite
def command_lines(draw: st.DrawFn) -> tuple[str, ...]:
    """A command with some of its options, in any order, a few twice or unknown."""
    name = draw(st.sampled_from([*COMMANDS, *COMMANDS, "nonsense", ""]))
    words: list[str] = []
    for parameter in COMMANDS[name].params if name in COMMANDS else ():
        for _ in range(draw(st.sampled_from((0, 1, 1, 1, 2)))):
            words += draw(_given(parameter))
    extra = draw(
        st.sampled_from(
            ((), (), (), (), ("--nonsense",), ("surplus",), ("--help",), ("--config",), ("-c", "no.toml"))
        )
    )
    given = [*words, *extra] if draw(st.booleans()) else [*extra, *words]
    return (name, *STARTING.get(name, ()), *given, *STARTING.get(name, ()))


@st.composite
def _given(draw: st.DrawFn, parameter: Any) -> list[str]:
    if parameter.param_type_name == "argument":
        return [draw(list_values(parameter))]
    option = draw(st.sampled_from(parameter.opts))
    if option in LEFT_OUT:
        return []
    if parameter.is_flag:
        return [option]
    value = draw(list_values(parameter))
    return [f"{option}={value}"] if option.startswith("--") and draw(st.booleans()) else [option, value]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop that nothing has been done for yet, beside configurations that are none."""
    folder = tmp_path_factory.mktemp("pristine")
    write_shop(folder, write_config(BASE | {"campaigns": []}))
    (folder / "no.toml").write_text("this is = no TOML", encoding="utf-8")
    (folder / "empty.toml").write_text("", encoding="utf-8")
    (folder / "in" / "rubbish.csv").write_bytes(b"\xff\xfe\x00\x01")
    (folder / "in" / "empty.csv").write_bytes(b"")
    return folder


@given(words=command_lines())
@cases(120, whole=900)
def test_an_odd_command_line_is_refused_in_one_line(
    pristine: Path, tmp_path_factory: pytest.TempPathFactory, words: tuple[str, ...]
) -> None:
    folder = tmp_path_factory.mktemp("case")
    with pytest.MonkeyPatch.context() as patch:
        try:
            shutil.copytree(pristine, folder, dirs_exist_ok=True)
            patch.chdir(folder)
            ending = run(PART, *words)
            if ending.code == 2 and ending.err.startswith(("Usage: ", "Error: ")):
                assert_usage(ending)
            elif ending.code:
                assert_reason(
                    ending,
                    names=[
                        *list_names(words),
                        "segmentwerk",
                        "[[exports]]",
                        "sources.",
                        "shop.toml",
                        str(folder),
                    ],
                )
            if words[0] != "ingest":
                assert not (folder / "var" / "lake").exists()
        finally:
            shutil.rmtree(folder)


def list_names(words: tuple[str, ...]) -> list[str]:
    """What was given, as a message may show it: of a word without end the beginning, of a key its kind alone."""
    given = [re.sub(r"^--[a-z-]+=|^-c", "", word) for word in words[1:]]
    kinds = [
        word.partition("=")[0]
        for word in given
        if re.match(r"(email|phone|cookie|crm|device|loyalty)=", word)
    ]
    return [*kinds, *(_show(word)[:100] for word in given)]


def _show(word: str) -> str:
    """A word on one line; of a blank one its form in Python, of none the place where one stands."""
    shown = "".join(letter if letter.isprintable() else " " for letter in word)
    return shown if shown.strip() else " ".join(repr(word).split()) if word else "."


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("plan", "nobody"), ("nobody",)),
        (("measure", "nobody"), ("nobody", "segmentwerk")),
        (("forget", "--key", "email=nobody@example.org"), ("email",)),
        (("rollback",), ("champion", "segmentwerk")),
    ],
    ids=lambda words: words[0],
)
def test_a_flow_on_an_empty_home_says_what_is_missing(
    prefect_server: None, pristine: Path, tmp_path: Path, words: tuple[str, ...], names: tuple[str, ...]
) -> None:
    shutil.copytree(pristine, tmp_path, dirs_exist_ok=True)
    ending = run(PART, *words, "--config", str(tmp_path / "shop.toml"))
    assert ending.code in (1, 2)
    assert_reason(ending, names=names)
    assert "nobody@" not in ending.err
