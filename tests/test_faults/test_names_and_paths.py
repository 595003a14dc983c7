"""Names that come from a configuration or from data never lead out of `home`."""

import json
import os
from pathlib import Path

import pytest
from test_faults.fuzzing import assert_balance, run

from flows.settings import ConfigError, load_settings
from tasks.destinations import Export

PART = "names"
ODD = (
    "../../gone",
    "/gone",
    "a/b",
    "..",
    ".",
    "C:\\gone",
    "..\\gone",
    "con",
    "nul.txt",
    "a:b",
    "x" * 400,
    "é" * 200,
    "~",
    "$HOME",
    "%2e%2e",
)
SOURCE = '[[sources]]\nname = {name}\npath = "in/*.csv"\n[sources.keys]\nemail = "mail"\n[sources.columns]\n'
EVENTS = (
    SOURCE + 'occurred_at = "ts"\nkind = "\'purchase\'"\ncampaign_id = "campaign"\ncategory = "campaign"\n'
)
CAMPAIGNS = """
[[sources]]
name = "campaigns"
table = "campaigns"
path = "campaigns.csv"
[sources.columns]
campaign_id = "id"
name = "id"
starts_at = "'2026-05-01'"
ends_at = "'2026-06-01'"
"""


def list_files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize(
    "name", ["../x", "/x", "a/b", "a\\b", "", ".", "..", "a b", "a\0", "a\n", "x" * 101, "a:b", "a*"]
)
def test_an_export_is_called_as_a_file_can_be(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        Export(name=name, destination="audience", path=Path("out"))


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ('[[exports]]\nname = "{}"\ndestination = "bi"\npath = "out"\n', "two exports are called"),
        (
            '[[campaigns]]\ncampaign_id = "{}"\nname = "x"\nstarts_at = 2026-01-01\nends_at = 2026-02-01\n',
            "two campaigns have",
        ),
        (SOURCE.replace("{name}", '"{}"') + "category = 'a'\n", "two sources are called"),
    ],
)
def test_names_differ_by_more_than_their_capitals(tmp_path: Path, section: str, told: str) -> None:
    config = tmp_path / "shop.toml"
    config.write_text(
        EVENTS.format(name='"shop"') + section.format("Spring") + section.format("spring"), encoding="utf-8"
    )
    with pytest.raises(ConfigError, match=told):
        load_settings(config)


def test_ids_of_the_data_become_no_files(tmp_path: Path) -> None:
    """Sources, campaigns, categories and sessions may be called anything; what is written lies in `home`."""
    shop = tmp_path / "the" / "shop"
    (shop / "in").mkdir(parents=True)
    rows = "".join(f'2026-05-02 10:00,"{name}",c{place}@x.example\n' for place, name in enumerate(ODD))
    (shop / "in" / "a.csv").write_text("ts,campaign,mail\n" + rows, encoding="utf-8")
    (shop / "campaigns.csv").write_text("id\n" + "".join(f'"{name}"\n' for name in ODD), encoding="utf-8")
    config = shop / "shop.toml"
    config.write_text(EVENTS.format(name=json.dumps("../../gone")) + CAMPAIGNS, encoding="utf-8")
    before = list_files(tmp_path)
    for more in ((), ("--retry-quarantine",)):
        counts = assert_balance(run(PART, "ingest", "--json", *more, "--config", str(config)))
        assert counts["quarantined"] == 0
    new = list_files(tmp_path) - before
    assert new
    assert {name for name in new if not name.startswith(os.path.join("the", "shop", "var"))} == set()
    assert not any(name.rpartition("/")[2] in ODD for name in new)


@pytest.mark.parametrize(
    "place", ["there.toml", "link.toml", "folder", "none/new.toml", "there.toml/new.toml"]
)
def test_init_writes_over_nothing(tmp_path: Path, place: str) -> None:
    (tmp_path / "orders.csv").write_text("id,date,email\n1,2026-05-01,a@x.example\n", encoding="utf-8")
    (tmp_path / "there.toml").write_text("mine", encoding="utf-8")
    (tmp_path / "link.toml").symlink_to(tmp_path / "elsewhere.toml")
    (tmp_path / "folder").mkdir()
    before = list_files(tmp_path)
    ending = run(PART, "init", str(tmp_path / "orders.csv"), "--config", str(tmp_path / place))
    assert (ending.code, ending.out, ending.err.count("\n")) == (2, "", 1)
    assert str(tmp_path / place) in ending.err
    assert list_files(tmp_path) == before
    assert (tmp_path / "there.toml").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    "name", ["a b.csv", "it's.csv", "🎉.csv", 'q"uote.csv', "a\nb.csv", "back\\slash.csv", "[x].csv"]
)
def test_a_draft_is_good_whatever_the_file_and_its_columns_are_called(tmp_path: Path, name: str) -> None:
    header = 'order_id,date,email,total,"x\ny","🎉 ""z""",\x7f'
    (tmp_path / name).write_text(f"{header}\n1,2026-05-01,a@x.example,5,6,7,8\n", encoding="utf-8")
    config = tmp_path / "mine.toml"
    assert run(PART, "init", str(tmp_path / name), "--config", str(config)).code == 0
    told = json.loads(run(PART, "check", "--json", "--preview", "1", "--config", str(config)).out)
    assert told["sources"][0]["preview"][0]["row"]["order_id"] == "1"
