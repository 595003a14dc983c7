"""Spoilt configurations by the hundred: what cannot be meant is refused in one line that names file and key."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_faults.fuzzing import assert_balance, assert_reason, cases, run
from test_faults.odd_settings import BASE, odd_configs, odd_variables, write_config
from test_faults.test_fuzzed_sources import GOOD

PART = "configuration"
# In what an error names first: the file, the source that the file has described wrongly, or a home that is none.
NAMES = ("shop.toml", "sources.", "/dev/null", "/proc/self/mem")
HOMES = (
    "a b", "it's", 'q"uote', "[x]", "*", "%20", "🎉", "ü" * 60, "x" * 300, "a\nb", "in/a.csv", "in",
    "deep/er/../er", "~", "-rf", "$HOME", "a;b", "shop.toml/var", "a#b", "a{b}", "a\\b", "a^b", "a`b", "<a>",
    "a|b", "a&b", "a+b", "a=b", "a:b", "Bücher", "日本", "con", "\u202e",
)  # fmt: skip


def write_shop(folder: Path, text: str) -> Path:
    """A folder with deliveries and the configuration."""
    (folder / "in").mkdir()
    (folder / "in" / "a.csv").write_text(GOOD, encoding="utf-8")
    (folder / "costs.csv").write_text("campaign,day,amount\nspring,2026-05-01,10\n", encoding="utf-8")
    config = folder / "shop.toml"
    config.write_text(text, encoding="utf-8", errors="replace")
    return config


def test_the_configuration_that_is_spoilt_is_a_good_one(tmp_path: Path) -> None:
    config = write_shop(tmp_path, write_config(BASE))
    assert run(PART, "check", "--json", "--config", str(config)).code == 0


@given(text=odd_configs(), variables=st.just({}) | odd_variables)
@cases(150, whole=1_000)
def test_a_spoilt_configuration_is_refused_or_meant_that_way(
    tmp_path_factory: pytest.TempPathFactory, text: str, variables: dict[str, str]
) -> None:
    folder = tmp_path_factory.mktemp("case")
    try:
        config = write_shop(folder, text)
        ending = run(PART, "check", "--json", "--config", str(config), variables=variables)
        if ending.code:
            assert_reason(ending, names=[*NAMES, str(folder)])
        # Home itself may be made; nothing is in it.
        assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == [
            "a.csv",
            "costs.csv",
            "shop.toml",
        ]
    finally:
        shutil.rmtree(folder)


@given(home=st.sampled_from(HOMES))
@cases(len(HOMES), whole=len(HOMES))
def test_an_odd_home_is_a_home_or_is_named(tmp_path_factory: pytest.TempPathFactory, home: str) -> None:
    folder = tmp_path_factory.mktemp("case")
    try:
        config = write_shop(folder, write_config(BASE | {"home": home, "sources": BASE["sources"][:1]}))
        ending = run(PART, "ingest", "--json", "--config", str(config))
        if ending.code:
            assert_reason(ending, names=[home.split("/")[0].replace("\n", " "), str(folder)])
            return
        assert assert_balance(ending)["accepted"] == 4
        again = run(PART, "ingest", "--json", "--config", str(config))
        assert assert_balance(again)["read"] == 0
        assert (folder / home / "lake" / "events" / "_delta_log").is_dir()
    finally:
        shutil.rmtree(folder)
