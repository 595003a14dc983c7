"""A small week of report data, and a reader that takes a rendered page apart."""

import json
import re
from datetime import date
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd

from monitoring.metrics import Lift
from monitoring.pages import ReportData
from monitoring.playbook import Play

EVIL = "<script>alert(1)</script> \"quoted\" & 'more'"
VOID = {"meta", "link", "rect", "br", "img", "input"}


class Document(HTMLParser):
    """A page taken apart: elements, visible text, tables by name, the JSON of its figures, the words of its scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.tables: dict[str, list[list[tuple[str, str]]]] = {}
        self.figures: dict[str, dict] = {}
        self.script_words: dict[str, Any] = {}
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == [], "an element is not closed"
        self.text = re.sub(r"[ \n]+", " ", "".join(self.words))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        if tag == "table":
            self.tables[str(attributes["data-name"])] = []
        if tag == "tr":
            self._rows.append([])
        if tag in ("td", "th"):
            self._rows[-1].append((str(attributes.get("data-value", "")), ""))
        if tag not in VOID:
            self.open.append((tag, attributes))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        opened, attributes = self.open.pop()
        assert opened == tag
        if tag in ("td", "th"):
            value, text = self._rows[-1][-1]
            self._rows[-1][-1] = (value if "data-value" in attributes else text, text)
            self.words.append(" ")

    def handle_data(self, data: str) -> None:
        tag, attributes = self.open[-1] if self.open else ("", {})
        if tag == "script":
            if attributes.get("id") == "words":
                self.script_words = json.loads(data)
            elif attributes.get("type") == "application/json":
                self.figures[str(attributes["data-figure"])] = json.loads(data)
            else:
                assert data.strip() == "", f"a script in the page: {data[:80]}"
            return
        self.words.append(data)
        if any(opened in ("td", "th") for opened, _ in self.open):
            value, text = self._rows[-1][-1]
            self._rows[-1][-1] = (value, text + data)

    @property
    def _rows(self) -> list[list[tuple[str, str]]]:
        return next(reversed(self.tables.values()))

    def read_column(self, table: str, heading: str) -> list[str]:
        """The exact values of a table's column."""
        head, *rows = self.tables[table]
        place = [text for _, text in head].index(heading)
        return [row[place][0] for row in rows]

    def read_shown(self, table: str, heading: str) -> list[str]:
        """A table's column as it is read."""
        head, *rows = self.tables[table]
        place = [text for _, text in head].index(heading)
        return [row[place][1] for row in rows]


def make_metric(
    control: float | None, treatment: float | None, reason: str | None = None, **lift: Any
) -> dict:
    names = Lift.__slots__
    return {
        "arms": {"control": control, "treatment": treatment},
        "reason": reason,
        "lift": {"treatment": dict.fromkeys(names) | lift},
    }


def make_campaign(decision: str = "ship", **fields: Any) -> dict[str, Any]:
    conversion = make_metric(
        0.0912, 0.1205, absolute=0.0293, low=0.0081, high=0.0505,
        relative=0.321, relative_low=0.089, relative_high=0.553, p_value=0.0067,
    )  # fmt: skip
    return {
        "campaign_id": "c1",
        "name": "Autumn mail",
        "decision": decision,
        "sentence": "Autumn mail worked: conversion was better.",
        "primary_metric": "conversion",
        "srm_p": 0.43,
        "customers": {"control": 801, "treatment": 3204},
        "costs": {"control": None, "treatment": 1204.5},
        "window": {
            "starts_at": "2026-10-11T22:00:00+00:00",
            "ends_at": "2026-11-08T23:00:00+00:00",
            "until": "2026-11-16T23:00:00+00:00",
        },
        "checks": [
            {"name": "sample_ratio", "passed": decision != "invalid", "sentence": "the split is as planned"}
        ],
        "metrics": {
            "conversion": conversion,
            "cac": make_metric(None, 14.2, "at least 23.90, no upper bound", absolute=41.12, low=23.9),
            "churn": make_metric(None, None, "60 days have not passed"),
        },
        "by_segment": {"1": {"customers": {"control": 80, "treatment": 320}, **conversion}},
    } | fields


def make_data(**fields: Any) -> ReportData:
    rng = np.random.default_rng(7)
    names = [f"Loyal {EVIL}", "Window shoppers", "Unlike any"]
    factors = ["days_since_purchase", "discount_share", "visits_'30'_<d>"]
    full: dict[str, Any] = {
        "title": "Nordlicht & Co",
        "as_of": date(2026, 11, 16),
        "currency": "EUR",
        "generated_note": "Made for a test.",
        "timezone": "Europe/Berlin",
        "summary": {
            "ingest": {"read": 1000, "accepted": 900, "duplicates": 40, "quarantined": 60, "late": 5, "merges": 3},
            "customers": 350,
            "drift": {"decision": "watch", "drifted": ["discount_share"], "reasons": ["one factor moved"]},
            "training": {
                "algorithm": "kmeans", "segments": 2, "outlier_share": 0.02, "silhouette": 0.3125,
                "stability": 0.95, "separation": 1.42, "candidates": 2,
            },
            "promotion": {"decision": "promote", "reasons": ["stability rose"], "champion_version": "2"},
            "campaigns": [make_campaign()],
            "migration": {
                "previous_as_of": "2026-11-09", "before_version": "1", "after_version": "2",
                "common": 330, "joined": 20, "left": 5, "moved": 0.1333, "moved_by_customers": 0.0606,
                "moved_by_model": 0.0909,
                "sentences": [f"24 customers went from Window shoppers to {names[0]}: by the new model."],
            },
        },
        "profiles": pd.DataFrame(
            {
                "segment_id": [1, 2, 0],
                "segment_name": names,
                "size": [200, 143, 7],
                "share": [0.5714, 0.4086, 0.02],
                "value": [412.3, 8.2, None],
                "rule": ["bought twice", None, ""],
                "reasons": [[("discount_share", "far above average")], [], []],
                "lineage": ["continues", None, ""],
            }
        ),
        "migration": pd.DataFrame(
            {
                "before_name": [names[0], "Window shoppers", "Window shoppers", "Regulars", None, names[0]],
                "between_name": [names[0], "Window shoppers", "Window shoppers", names[0], "Regulars", None],
                "after_name": [names[0], "Window shoppers", names[0], names[0], "Window shoppers", None],
                "customers": [160, 126, 24, 20, 20, 5],
            }
        ),
        "maps": {
            "pca": pd.DataFrame(rng.normal(size=(350, 2)), columns=["x", "y"]).assign(
                segment_name=np.repeat(names, [200, 143, 7]), strength=np.repeat([0.9, 0.5, 0.0], [200, 143, 7])
            )
        },
        "silhouettes": pd.DataFrame(
            {
                "segment_name": np.repeat(names[:2], [200, 143]),
                "silhouette": np.repeat([0.5, -0.25, 0.125], [200, 43, 100]),
            }
        ),
        "levels": pd.DataFrame(
            {
                "level": [2, 2, 3, 3, 3],
                "segment": [1, 2, 1, 2, 3],
                "parent": [None, None, 1, 2, 2],
                "name": [names[0], "Others", names[0], "Others", "Rest"],
                "share": [0.6, 0.4, 0.6, 0.3, 0.1],
            }
        ),
        "sizes": pd.DataFrame(
            {
                "as_of": np.repeat([date(2026, 11, 2), date(2026, 11, 9), date(2026, 11, 16)], 3),
                "segment_id": [1, 2, 0] * 3,
                "customers": [170, 121, 9, 180, 143, 7, 200, 143, 7],
            }
        ),
        "playbook": {"1": Play(message="Thank you", channel="letter"), "Old hands": Play(offer="a voucher")},
        "champion": {"algorithm": "kmeans", "segments": 2, "stability": 0.95, "version": "2"},
        "algorithms": {"kmeans": "K-Means", "hdbscan": "HDBSCAN"},
        "heatmap": pd.DataFrame(rng.normal(size=(3, 3)), index=names, columns=factors),
        "candidates": pd.DataFrame(
            {
                "algorithm": ["kmeans", "hdbscan"],
                "segments": [2, 5],
                "silhouette": [0.31253712, 0.2],
                "stability": [0.951234567, None],
                "separation": [1.42, 1.1],
                "outlier_share": [0.0, 0.21],
                "smallest_share": [0.4, 0.01],
                "admissible": [True, False],
                "reason": ["highest score", "smallest segment too small"],
            }
        ),
        "drift": pd.DataFrame(
            {
                "column": factors,
                "method": ["Wasserstein distance (normed)"] * 3,
                "score": [0.051234, 0.2, 0.0],
                "threshold": [0.1, 0.1, 0.1],
                "drifted": [False, True, False],
            }
        ),
        "evidently_html": "<!doctype html><title>Evidently</title>",
        "history": pd.DataFrame(
            {
                "as_of": [date(2026, 11, 2), date(2026, 11, 9), date(2026, 11, 16)],
                "customers": [300, 330, 350],
                "drift_decision": ["none", "watch", "watch"],
                "promotion_decision": ["first", "keep", "promote"],
                "champion_version": ["1", "1", "2"],
                "segments": [2, 2, 2],
            }
        ),
        "promotions": pd.DataFrame(
            {
                "decided_at": pd.to_datetime(["2026-11-09", "2026-11-16"], utc=True),
                "as_of": [date(2026, 11, 9), date(2026, 11, 16)],
                "decision": ["keep", "promote"],
                "reasons": [["gain too small"], ["stability rose", "separation held"]],
                "challenger_version": ["2", "3"],
                "previous_version": ["1", "1"],
                "champion_version": ["1", "3"],
            }
        ),
        "runs": pd.DataFrame(
            {
                "finished_at": pd.to_datetime(["2026-11-09 06:00", "2026-11-16 06:00"], utc=True),
                "flow": ["weekly-retrain", "weekly-retrain"],
                "as_of": [date(2026, 11, 9), date(2026, 11, 16)],
                "champion_version": ["1", "3"],
                "versions": ["events 4, segments 1", "events 5, segments 2"],
                "run_id": ["r-1", "r-2"],
            }
        ),
        "quarantine": pd.DataFrame(
            {
                "source": ["web", "crm"],
                "reason": ["value: below 0", "kind: unknown"],
                "rows": [10, 50],
                "example": [EVIL, "x" * 400],
            }
        ),
        "sources": pd.DataFrame(
            {
                "source": ["web", "crm"],
                "read": [900, 100],
                "accepted": [850, 50],
                "duplicates": [40, 0],
                "quarantined": [10, 50],
                "filtered": [0, 0],
                "late": [5, 0],
            }
        ),
        "past_weeks": ("2026-11-09",),
        "smallest_group": 1,
    }  # fmt: skip
    return ReportData(**(full | fields))
