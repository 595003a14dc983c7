"""The page on notifications is true: its blocks can be made, its sections load, its tables name all there is."""

import re
import typing
from pathlib import Path

import pytest
from test_monitoring.test_artifact_texts import WEEK

from flows.settings import load_settings
from monitoring.artifacts import list_artifacts
from monitoring.notices import Occasion
from tasks.notifications import load_block

PAGE = (Path(__file__).parents[2] / "docs" / "notifications.md").read_text(encoding="utf-8")
SNIPPETS = [text for text in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if ".save(" in text]
SOURCE = '[[sources]]\nname = "s"\npath = "*.csv"\n[sources.keys]\nemail = "m"\n[sources.columns]\noccurred_at = "t"\n'


def read_column(heading: str) -> list[str]:
    """The first column of the table with that heading."""
    rows = PAGE.split(f"| {heading} |")[1].split("\n\n")[0]
    return re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE)


@pytest.mark.usefixtures("prefect_server")
def test_the_blocks_shown_can_be_made_and_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SMTP_PASSWORD", "HOOK_TOKEN"):
        monkeypatch.setenv(name, "hush-hush")
    monkeypatch.setenv("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/T0/B0/xyz")
    for snippet in SNIPPETS:
        exec(snippet, {})  # noqa: S102 - what the page tells people to run
    for name in ("email/marketing", "slack-webhook/operations", "custom-webhook/desk"):
        assert "hush-hush" not in repr(load_block(name))


def test_the_sections_shown_load(tmp_path: Path) -> None:
    config = tmp_path / "segmentwerk.toml"
    (shown,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    config.write_text(SOURCE + "kind = \"'purchase'\"\n" + shown, encoding="utf-8")
    assert [one.block for one in load_settings(config).notifications] == [
        "email/marketing",
        "slack-webhook/operations",
    ]


def test_the_tables_name_every_occasion_and_every_artifact() -> None:
    assert read_column("occasion") == list(typing.get_args(Occasion))
    assert read_column("key") == [artifact.key for artifact in list_artifacts(WEEK, currency="EUR")]
