"""The pages on publishing and on tables for BI are true: what they show loads, and their table names all there are."""

import re
from pathlib import Path

import pytest
from prefect.filesystems import RemoteFileSystem

from flows.settings import load_settings
from monitoring.bi_dictionary import DICTIONARY
from monitoring.bi_records import COLUMNS
from tasks.bi_files import CUSTOMER_TABLES

DOCS = Path(__file__).parents[2] / "docs"
PUBLISHING = (DOCS / "publishing.md").read_text(encoding="utf-8")
BI = (DOCS / "bi.md").read_text(encoding="utf-8")
SOURCE = (
    '[[sources]]\nname = "s"\npath = "*.csv"\n[sources.keys]\nemail = "m"\n[sources.columns]\noccurred_at = "t"\n'
    "kind = \"'purchase'\"\n"
)
SHOWN = [text for page in (PUBLISHING, BI) for text in re.findall(r"```toml\n(.*?)```", page, re.DOTALL)]


@pytest.mark.parametrize("shown", SHOWN, ids=range(len(SHOWN)))
def test_the_sections_shown_load(tmp_path: Path, shown: str) -> None:
    config = tmp_path / "segmentwerk.toml"
    config.write_text(SOURCE + shown, encoding="utf-8")
    assert load_settings(config).list_exports()
    # Every option shown is one there is.
    for options in re.findall(r"^# (options = .*?\})", shown, re.MULTILINE):
        config.write_text(
            SOURCE + re.sub(r"^# options.*\n", "", shown, flags=re.MULTILINE) + options, encoding="utf-8"
        )
        assert len(load_settings(config).list_exports()[-1].options) == 2


@pytest.mark.usefixtures("prefect_server")
def test_the_block_shown_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE_KEY", "k")
    monkeypatch.setenv("STORE_SECRET", "hush-hush")
    (snippet,) = re.findall(r"```python\n(.*?)```", PUBLISHING, re.DOTALL)
    exec(snippet, {})  # noqa: S102 - what the page tells people to run
    assert RemoteFileSystem.load("reports").settings == {"key": "k", "secret": "hush-hush"}


def test_the_table_names_every_table_for_bi() -> None:
    assert re.findall(r"^\| `(\w+)` \|", BI, re.MULTILINE) == [*CUSTOMER_TABLES, *COLUMNS, DICTIONARY]
