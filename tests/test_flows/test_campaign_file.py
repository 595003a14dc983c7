"""Campaigns of a file that marketing keeps: the same fields as a section, and clear words where a row is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_flows.test_settings import write

from flows.planned_campaigns import CampaignFileError, read_campaign_file
from flows.settings import ConfigError, load_settings

HEADER = "campaign_id,name,channel,starts_at,ends_at,segments,rule,arms,primary_metric,smallest_effect"
SPRING = 'spring,Spring letter,post,2027-03-01,2027-03-28,1; Regulars,"aov > 40, visits_7d > 1",control=0.2; letter=0.8'
FILE = 'campaigns_file = "campaigns.csv"\n'


def write_file(folder: Path, *rows: str) -> Path:
    path = folder / "campaigns.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return path


def test_a_row_is_planned_as_a_section_is(tmp_path: Path) -> None:
    row = SPRING.replace(", visits_7d > 1", " and visits_7d > 1")
    write_file(tmp_path, f"{row},revenue,0.5", "may,May,,2027-05-01,2027-05-08,,,,,")
    settings = load_settings(write(tmp_path, head=FILE))
    spring, may = settings.design_campaign("spring"), settings.design_campaign("may")
    assert dict(spring.shares) == {"control": 0.2, "letter": 0.8}
    assert (spring.segments, spring.rule) == (("1", "Regulars"), "aov > 40 and visits_7d > 1")
    assert (spring.smallest_effect, spring.campaign.primary_metric) == (0.5, "revenue")
    assert (may.campaign.channel, dict(may.shares)) == ("email", {"control": 0.2, "treatment": 0.8})


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("s,S,,2027-03-01,soon,,,,,", r"line 2 \(s\): ends_at"),
        ("s,S,,2027-03-01,2027-02-01,,,,,", r"line 2 \(s\): row: ends_at 2027-02-01 must lie after"),
        ("s,S,,2027-03-01,2027-03-08,,,half and half,,", "write them as control=0.2; letter=0.8"),
        ("s,S,,2027-03-01,2027-03-08,,,control=0.2; letter=0.7,,", "they must add up to 1"),
        (",S,,2027-03-01,2027-03-08,,,,,", r"line 2 \(no campaign_id\): campaign_id"),
        ("s,S,,2027-03-01,2027-03-08,,a,b,c,d,e", "more cells than columns"),
    ],
)
def test_a_row_that_is_no_campaign_is_named(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(CampaignFileError, match=message):
        read_campaign_file(write_file(tmp_path, row))


def test_a_file_that_is_not_there_is_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, head=FILE))
    with pytest.raises(ConfigError, match=r"campaigns_file: .*campaigns\.csv cannot be read"):
        settings.find_campaign("spring")


def test_an_unknown_campaign_is_told_with_those_of_the_file(tmp_path: Path) -> None:
    write_file(tmp_path, "may,May,,2027-05-01,2027-05-08,,,,,")
    with pytest.raises(ConfigError, match="there are: may"):
        load_settings(write(tmp_path, head=FILE)).find_campaign("june")
