"""`[[campaigns]]`, `[holdout]` and the contact lists of `[[exports]]`: what they mean and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from test_flows.test_settings import read_error, write

from flows.settings import ConfigError, load_settings
from monitoring.experiments import Campaign

DOCUMENTED = Path(__file__).parents[2] / "segmentwerk.toml"
CAMPAIGN = '[[campaigns]]\ncampaign_id = "s"\nname = "S"\nstarts_at = 2027-03-01\nends_at = 2027-03-28\n'
DELIVERED = Campaign(
    campaign_id="d", name="Delivered", channel="post", starts_at=datetime(2027, 5, 1, tzinfo=UTC),
    ends_at=datetime(2027, 5, 15, tzinfo=UTC), primary_metric="revenue",
)  # fmt: skip


def test_a_campaign_may_have_many_arms_a_rule_and_a_smallest_effect(tmp_path: Path) -> None:
    more = (
        'segments = [1, "Regulars"]\nrule = "aov > 40"\nsmallest_effect = 0.01\n'
        "arms = { control = 0.2, letter = 0.4, call = 0.4 }\n"
    )
    design = load_settings(write(tmp_path, tail=CAMPAIGN + more)).design_campaign("s")
    assert dict(design.shares) == {"control": 0.2, "letter": 0.4, "call": 0.4}
    assert design.treatments == ("call", "letter")
    assert design.segments == ("1", "Regulars")
    assert (design.rule, design.smallest_effect, design.campaign.control_share) == ("aov > 40", 0.01, 0.2)


@pytest.mark.parametrize(("line", "control"), [("", 0.2), ("control_share = 0.3", 0.3)])
def test_without_arms_there_are_control_and_a_treatment(tmp_path: Path, line: str, control: float) -> None:
    design = load_settings(write(tmp_path, tail=CAMPAIGN + line)).design_campaign("s")
    assert dict(design.shares) == {"control": control, "treatment": 1 - control}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("arms = { control = 0.2, letter = 0.7 }", "campaigns.S.arms: shares add up to 0.9; they must add up to 1"),
        ("arms = { letter = 0.5, call = 0.5 }", "give 'control' and a treatment"),
        ("arms = { control = 1.0 }", "give 'control' and a treatment"),
        ("arms = { control = 0.5, letter = 0.5 }\ncontrol_share = 0.5", "arms and control_share say the same"),
        ("rule = \"aov > 40; drop table x\"", "is not a SQL expression"),
        ("rule = \"(select 1)\"", "reaches outside its row"),
        ("smallest_effect = 0", "campaigns.S.smallest_effect = 0"),
        ("smallest_effect = -0.1", "campaigns.S.smallest_effect = -0.1"),
    ],
)  # fmt: skip
def test_a_campaign_that_cannot_be_drawn_is_refused(tmp_path: Path, line: str, message: str) -> None:
    assert message in read_error(write(tmp_path, tail=CAMPAIGN + line))


def test_a_delivered_campaign_needs_no_section_and_a_section_comes_first(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, tail=CAMPAIGN))
    design = settings.design_campaign("d", delivered=[DELIVERED])
    assert design.campaign == replace(DELIVERED, control_share=0.2)
    assert (design.segments, design.rule, dict(design.shares)) == (
        (),
        None,
        {"control": 0.2, "treatment": 0.8},
    )
    own = settings.design_campaign("s", delivered=[replace(DELIVERED, campaign_id="s")])
    assert own.campaign.primary_metric == "conversion"
    with pytest.raises(ConfigError, match=r"no .* section with campaign_id 't'; there are: s, d"):
        settings.design_campaign("t", delivered=[DELIVERED])


def test_the_hold_out_is_five_percent_unless_the_shop_says_otherwise(tmp_path: Path) -> None:
    assert load_settings(write(tmp_path)).holdout.share == 0.05
    assert load_settings(write(tmp_path, tail="[holdout]\nshare = 0.1\n")).holdout.share == 0.1
    assert "holdout.share = 0.6" in read_error(write(tmp_path, tail="[holdout]\nshare = 0.6\n"))


def test_the_documented_sections_are_ones_that_can_be_read(tmp_path: Path) -> None:
    text = DOCUMENTED.read_text(encoding="utf-8")
    start, end = text.index("# [[campaigns]]"), text.index("# Who is told of what")
    lines = [line.removeprefix("# ") for line in text[start:end].splitlines()]
    sections = "\n".join(line for line in lines if line.startswith("[[") or " = " in line)
    settings = load_settings(write(tmp_path, tail=sections))
    assert [export.name for export in settings.exports] == ["bi", "site", "spring_letters"]
    *_, contacts = settings.exports
    assert contacts.listed_keys == {"email": "E-Mail", "phone": "Telefon"}
    (campaign,) = settings.campaigns
    given = campaign.model_fields_set.union(*(export.model_fields_set for export in settings.exports))
    everything = {*type(campaign).model_fields, *type(contacts).model_fields}
    assert everything - given == {"control_share", "uri"}
