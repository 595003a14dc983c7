"""The configuration: what is wrong is said in one line, and the environment comes before the file."""

import os
from pathlib import Path

import pytest

from flows.settings import ConfigError, load_settings

SOURCE = """
[[sources]]
name = "shop"
path = "in/*.csv"
[sources.keys]
email = "mail"
[sources.columns]
occurred_at = "ts"
kind = "'purchase'"
"""


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of whoever runs the tests decides one."""
    for name in [name for name in os.environ if name.upper().startswith("SEGMENTWERK_")]:
        monkeypatch.delenv(name)


def write(folder: Path, *, head: str = "", tail: str = "") -> Path:
    file = folder / "shop.toml"
    file.write_text(head + "\n" + SOURCE + "\n" + tail + "\n", encoding="utf-8")
    return file


def read_error(file: Path) -> str:
    """The message, one line that names the file first."""
    with pytest.raises(ConfigError) as caught:
        load_settings(file)
    message = str(caught.value)
    assert message.startswith(f"{file}: ")
    assert "\n" not in message
    return message.removeprefix(f"{file}: ")


def test_sources_alone_are_enough(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path))
    assert (settings.currency, settings.timezone, settings.features.outcome_days) == ("EUR", "UTC", 90)
    assert [source.name for source in settings.sources] == ["shop"]
    assert settings.base == str(tmp_path)


def test_the_configuration_that_comes_along_loads() -> None:
    settings = load_settings(Path(__file__).parents[2] / "segmentwerk.toml")
    assert settings.timezone == "Europe/Berlin"


@pytest.mark.parametrize(
    ("head", "tail", "message"),
    [
        ('curency = "EUR"', "", "unknown key 'curency'; "),
        ("", "[training]\nsegment_max = 6", "unknown key 'training.segment_max'; "),
        ('currency = "euro"', "", "currency = 'euro': "),
        ("", "[measurement]\nalpha = 0.9", "measurement.alpha = 0.9: Input should be less than 0.5"),
        ("", "[promotion]\nwins_needed = 1e19", "promotion.wins_needed = 1e+19: must be a smaller number"),
        (
            'timezone = "Europe/Atlantis"',
            "",
            "timezone = 'Europe/Atlantis': not a known timezone; use a name",
        ),
        ("", SOURCE, "sources: two sources are called 'shop'; each needs a name of its own"),
        ("", '[training]\nalgorithms = ["kmean"]', "training: algorithm 'kmean' is not known; there are: "),
        ("", '[[sources]]\nname = "crm"', "sources.crm: a source has either a path (files) or a connection"),
        (
            "",
            '[[features.factors]]\nname = "late"\nmeaning = "m"\nexpression = "sum(nights)"',
            "features.factors.late.expression = 'sum(nights)': there is no column 'nights'; there are: ",
        ),
        (
            "",
            '[[features.factors]]\nname = "late"\nmeaning = "m"\nexpression = "count(*)"\n' * 2,
            "features.factors: two factors are called 'late'; each needs a name of its own",
        ),
        (
            "",
            '[segments]\nnames = { 1 = " " }',
            "segments.names: the name of segment 1 is empty; leave it out",
        ),
        (
            "",
            '[segments]\nnames = { 1 = "A", 3 = "A " }',
            "segments.names: two segments are called 'A'; each",
        ),
        ("", "[playbook.1]\nmesage = 'Hello'", "unknown key 'playbook.1.mesage'; "),
        ("", "[playbook.1]\noffer = ' '", "playbook.1.offer = ' ': it is empty; leave it out"),
        ("", "[playbook.1]", "playbook.1: it says nothing; give at least one of message, channel, offer"),
        (
            "",
            "[playbook]\noffer = 'free'",
            "playbook: 'offer' belongs into the section of a segment: [playbook.1]",
        ),
        ("", "[playbook.1]\n[playbook.' 1']", "playbook: each section needs the id or the name of another"),
        (
            "",
            f"[playbook.1]\noffer = '{'x' * 201}'",
            f"playbook.1.offer = '{'x' * 201}': String should have at most",
        ),
        (
            "",
            "[report]\nsmallest_group = 0",
            "report.smallest_group = 0: Input should be greater than or equal to 1",
        ),
        (
            "",
            '[[notifications]]\nblock = "email/lead"\non = ["drift"]',
            "notifications.1.on.0 = 'drift': Input should be 'data_fault', 'retrain', 'promote', ",
        ),
        ("", '[[notifications]]\nblock = "marketing"', "notifications.1.block = 'marketing': "),
        ("currency = EUR", "", "not valid TOML: "),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, head: str, tail: str, message: str) -> None:
    assert read_error(write(tmp_path, head=head, tail=tail)).startswith(message)


def test_a_file_that_is_not_there_is_named_with_the_remedy(tmp_path: Path) -> None:
    assert read_error(tmp_path / "none.toml").startswith(
        "no such file; write one with `segmentwerk init FILE`"
    )


def test_a_file_that_is_no_text_is_no_configuration(tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    file.write_bytes(b"currency = '\xff'")
    assert read_error(file).startswith("not valid TOML: ")


def test_brackets_too_deep_to_be_read_say_what_to_look_for(tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    file.write_text("sources = " + "[" * 10_000, encoding="utf-8")
    assert read_error(file).endswith("too deep to be read; see which of them is not closed")


def test_no_source_at_all_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    file.write_text('currency = "EUR"', encoding="utf-8")
    assert read_error(file) == "'sources' is missing; add it as segmentwerk.toml shows"


def test_variables_are_filled_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(
        tmp_path, head='currency = "${SHOP_CURRENCY:-CHF}"', tail='[report]\ntitle = "At ${SHOP_NAME}\'s"'
    )
    monkeypatch.delenv("SHOP_CURRENCY", raising=False)
    monkeypatch.setenv("SHOP_NAME", "Ada")
    settings = load_settings(file)
    assert (settings.currency, settings.report.title) == ("CHF", "At Ada's")
    monkeypatch.setenv("SHOP_CURRENCY", "USD")
    assert load_settings(file).currency == "USD"


@pytest.mark.parametrize("language", ["en", "de", "ru", "zh", "de-CH"])
def test_the_report_speaks_a_language_there_is(tmp_path: Path, language: str) -> None:
    assert load_settings(write(tmp_path)).report.language == "en"
    file = write(tmp_path, tail=f'[report]\nlanguage = "{language}"')
    assert load_settings(file).report.language == language


def test_a_language_there_is_not_is_named_beside_those_there_are(tmp_path: Path) -> None:
    message = read_error(write(tmp_path, tail='[report]\nlanguage = "French"'))
    assert message.startswith(
        "report.language = 'French': there is no report in 'French'; there is one in en, de, ru, zh"
    )


def test_a_variable_that_is_not_set_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_NAME", raising=False)
    message = read_error(write(tmp_path, tail='[report]\ntitle = "At ${SHOP_NAME}"'))
    assert message == 'the environment variable SHOP_NAME is not set, but "At ${SHOP_NAME}" needs it'


def test_the_environment_beats_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, head='currency = "CHF"', tail="[training]\nsegments_min = 3\nsegments_max = 5")
    assert load_settings(file).currency == "CHF"
    monkeypatch.setenv("SEGMENTWERK_CURRENCY", "USD")
    monkeypatch.setenv("SEGMENTWERK_TRAINING__SEGMENTS_MAX", "7")
    settings = load_settings(file)
    assert settings.currency == "USD"
    assert (settings.training.segments_min, settings.training.segments_max) == (3, 7)


def test_a_wrong_value_in_the_environment_is_named_like_one_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGMENTWERK_TRAINING__SEGMENTS_MAX", "many")
    assert read_error(write(tmp_path)).startswith("training.segments_max = 'many': ")


def test_the_pseudonym_key_comes_from_the_environment_and_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGMENTWERK_PSEUDONYM_KEY", "very-secret")
    settings = load_settings(write(tmp_path))
    assert settings.pseudonym_key is not None
    assert settings.pseudonym_key.get_secret_value() == "very-secret"
    assert "very-secret" not in repr(settings)


def test_home_is_relative_to_the_file_and_a_uri_stays_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    settings = load_settings(write(tmp_path, head='home = "data"'))
    assert settings.home == str(tmp_path / "data")
    assert settings.reports_folder == tmp_path / "data" / "reports"
    remote = load_settings(write(tmp_path, head='home = "s3://bucket/shop"'))
    assert remote.home == "s3://bucket/shop"
    assert remote.reports_folder == tmp_path / "var" / "reports"


def test_a_campaign_is_whole_days_of_the_shop(tmp_path: Path) -> None:
    campaign = '[[campaigns]]\ncampaign_id = "s"\nname = "S"\nstarts_at = 2026-07-01\nends_at = {}\n'
    settings = load_settings(write(tmp_path, tail=campaign.format("2026-07-14")))
    terms = settings.find_campaign("s").terms("Europe/Berlin")
    moments = (terms.starts_at.isoformat(), terms.ends_at.isoformat())
    assert moments == ("2026-06-30T22:00:00+00:00", "2026-07-14T22:00:00+00:00")
    with pytest.raises(ConfigError, match=r"no .* section with campaign_id 't'; there are: s"):
        settings.find_campaign("t")
    message = read_error(write(tmp_path, tail=campaign.format("2026-07-01")))
    assert message == "campaigns.S: ends_at 2026-07-01 must lie after starts_at 2026-07-01"


def test_the_experiment_is_that_of_the_first_campaign_planned(tmp_path: Path) -> None:
    assert load_settings(write(tmp_path)).experiment.control_share == 0.2
    campaign = """
[measurement]
alpha = 0.1
[[campaigns]]
campaign_id = "spring"
name = "Spring"
starts_at = 2027-03-01
ends_at = 2027-03-28
control_share = 0.4
"""
    experiment = load_settings(write(tmp_path, tail=campaign)).experiment
    assert (experiment.control_share, experiment.alpha) == (0.4, 0.1)


def test_whoever_is_to_be_told_is_told_of_everything_unless_they_say_of_what(tmp_path: Path) -> None:
    sections = (
        '[[notifications]]\nblock = "email/it"\n[[notifications]]\nblock = "email/lead"\non = ["promote"]'
    )
    everything, one = load_settings(write(tmp_path, tail=sections)).notifications
    assert everything.on == ("data_fault", "retrain", "promote", "blocked", "failed", "undelivered")
    assert one.on == ("promote",)
