"""The examples of docs/extending.md: each is found by lying in its folder, and does its work."""

import json
import re
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from models.mapping import Source

EXAMPLES = dict(
    re.findall(
        r"^`([\w/]+\.py)`\n\n```python\n(.*?)^```$",
        (Path(__file__).parent.parent / "docs/extending.md").read_text(encoding="utf-8"),
        flags=re.MULTILINE | re.DOTALL,
    )
)
ADDED = {
    "models/clusterers/bisecting.py",
    "models/factors/stores.py",
    "monitoring/metrics/order_frequency.py",
    "tasks/sources/feather.py",
    "tasks/destinations/headcount.py",
    "monitoring/pages/deliveries.py",
}
AS_OF = date(2026, 6, 30)


@pytest.fixture(autouse=True)
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every example lies in its package for the length of a test."""
    modules = [path.removesuffix(".py").replace("/", ".") for path in EXAMPLES]
    for path, code in EXAMPLES.items():
        file = tmp_path / "added" / path
        file.parent.mkdir(parents=True)
        file.write_text(code, encoding="utf-8")
        package = import_module(str(Path(path).parent).replace("/", "."))
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(file.parent)])
    yield
    for module in modules:
        sys.modules.pop(module, None)
        package_name, _, name = module.rpartition(".")
        vars(sys.modules[package_name]).pop(name, None)


def test_every_extension_point_has_its_example() -> None:
    assert set(EXAMPLES) == ADDED
    assert not [path for path in ADDED if (Path(__file__).parent.parent / path).exists()]


def test_an_algorithm_is_found_recovers_segments_and_survives_as_data() -> None:
    from models.recipes import Recipe
    from models.segmenter import Segmenter, fit_segmenter
    from models.training_settings import TrainingSettings

    rng = np.random.default_rng(3)
    truth = np.repeat([1, 2, 3], [150, 100, 50])
    centres = np.array([[0.0, 0.0, 0.0, 9.0], [9.0, 0.0, 9.0, 0.0], [0.0, 9.0, 18.0, 0.0]])
    values = centres[truth - 1] + rng.normal(size=(300, 4))
    index = pd.Index([f"c{i}" for i in range(300)], name="customer_id")
    factors = pd.DataFrame(values, index=index, columns=["recency", "orders", "revenue", "visits"])
    segmenter = fit_segmenter(factors, recipe=Recipe("bisecting", {"segments": 3}), seed=0)
    assigned = segmenter.assign(factors)
    assert (assigned["segment_id"] == truth).mean() > 0.98
    restored = Segmenter.from_state(segmenter.to_state())
    pd.testing.assert_frame_equal(restored.assign(factors + 0.1), segmenter.assign(factors + 0.1))
    assert TrainingSettings(algorithms=("bisecting",)).algorithms == ("bisecting",)


def test_a_family_is_computed_without_the_future() -> None:
    from models.factors import compute_factors, list_factors
    from models.rollups import roll_up

    ibis.get_backend().raw_sql("SET TimeZone = 'UTC'")
    visits = {"anna": [0, 10, 179, 180], "bert": [-1]}
    rows = [(name, AS_OF - timedelta(days=ago)) for name, days in visits.items() for ago in days]
    names = ("event_id", "source", "order_id", "category", "session_id", "device", "channel", "campaign_id")
    schema = {
        "customer_id": "string", "occurred_at": "timestamp('UTC')", "kind": "string",
        **dict.fromkeys(names, "string"),
        **dict.fromkeys(("value", "margin", "quantity", "discount", "duration_s"), "float64"),
    }  # fmt: skip
    events = pd.DataFrame(
        {
            "customer_id": [name for name, _day in rows],
            "occurred_at": pd.to_datetime([f"{day}T12:00:00Z" for _name, day in rows], utc=True),
            "kind": "store_visit",
            "event_id": [str(i) for i in range(len(rows))],
        }
    ).reindex(columns=list(schema))
    rollups = roll_up(
        ibis.memtable(events, schema=ibis.schema(schema)),
        timezone="UTC",
        since=date(2025, 12, 1),
        until=date(2026, 12, 31),
    )
    customers = ibis.memtable(pd.DataFrame({"customer_id": ["anna", "bert", "cleo"]}))
    found = compute_factors(rollups, as_of=AS_OF, customers=customers).to_pandas().set_index("customer_id")
    assert found["store_visits_180d"].to_dict() == {"anna": 3.0, "bert": 0.0, "cleo": 0.0}
    assert list(found.columns) == [factor.name for factor in list_factors()]


def test_a_factor_of_a_configuration_is_the_rate_it_says() -> None:
    from models.own_factors import OwnFactor
    from models.rollups import Rollups
    from models.shrinkage import shrink_rates

    text = (Path(__file__).parent.parent / "docs/extending.md").read_text(encoding="utf-8")
    (section,) = re.findall(r"^```toml\n(\[\[features.factors.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    own = OwnFactor.model_validate(tomllib.loads(section)["features"]["factors"][0])
    # AS_OF is a Tuesday: two days before it is a Sunday.
    days = {"anna": [2, 3, 4, 180 + 2], "bert": [0, 4], "cleo": [-5]}
    rows = [(name, AS_OF - timedelta(days=ago)) for name, agos in days.items() for ago in agos]
    orders = ibis.memtable(pd.DataFrame(rows, columns=["customer_id", "day"])).mutate(
        day=ibis._.day.cast("date")
    )
    found = own.build_family().compute(Rollups(orders, orders, orders, orders), AS_OF).to_pandas()
    counts = pd.DataFrame({"hits": [2.0, 0.0], "orders": [3.0, 2.0]})
    expected = shrink_rates(ibis.memtable(counts), rate=("hits", "orders")).to_pandas()["rate"]
    found = found.set_index("customer_id")["weekend_order_rate"].loc[["anna", "bert"]]
    np.testing.assert_allclose(found, expected)


def test_a_kpi_is_measured_and_may_decide() -> None:
    from monitoring.experiments import Campaign, MeasurementSettings
    from monitoring.experiments.effects import measure_campaign

    rng = np.random.default_rng(5)
    arm = np.repeat(["control", "treatment"], [1000, 1000])
    orders = np.concatenate([rng.poisson(0.5, 1000), rng.poisson(0.8, 1000)])
    columns = ("margin", "active", "churned", "prior_orders", "prior_revenue")
    outcomes = pd.DataFrame(
        {
            "customer_id": [f"c{i}" for i in range(2000)], "arm": pd.Series(arm, dtype="string"),
            "segment_id": 1, "converted": (orders > 0).astype(int), "orders": orders, "revenue": 20.0 * orders,
        }
    ).assign(**dict.fromkeys(columns, 0.0))  # fmt: skip
    start = datetime(2026, 6, 1, tzinfo=UTC)
    campaign = Campaign(
        campaign_id="c", name="Spring", channel=None, starts_at=start, ends_at=start + timedelta(days=14),
        primary_metric="order_frequency", control_share=0.5,
    )  # fmt: skip
    result = measure_campaign(
        ibis.memtable(outcomes),
        campaign=campaign,
        costs=pd.DataFrame({"arm": [], "amount": []}),
        settings=MeasurementSettings(),
        until=start + timedelta(days=100),
        overlaps=0,
    )
    measured = result.metrics["order_frequency"]
    assert measured.arms["control"] == pytest.approx(orders[:1000].mean())
    lift = measured.lift["treatment"]
    assert lift.low is not None
    assert lift.high is not None
    assert 0 < lift.low < 0.3 < lift.high
    assert result.decision.decision == "ship"


def test_a_reader_brings_rows_into_the_lake(tmp_path: Path) -> None:
    from tasks.ingestion import ingest_sources
    from tasks.lake import begin_run, open_lake, write_lake
    from tasks.sources import find_reader, list_deliveries
    from tasks.staging import ShopRules

    orders = pd.DataFrame(
        {"no": ["1", "2", "3"], "ts": ["2026-05-01 10:00", "2026-05-02 11:00", "2026-05-03 12:00"]}
    ).assign(amount=[10.0, 20.0, 30.0], mail=["a@x.org", "b@x.org", "a@x.org"])
    orders.to_feather(tmp_path / "orders.feather")
    source = Source(
        name="shop",
        path="*.feather",
        keys={"email": "mail"},
        columns={"event_id": "no", "occurred_at": "ts", "kind": "'purchase'", "value": "amount"},
    )
    (delivery,) = list_deliveries(source, base=str(tmp_path))
    assert find_reader(delivery.path).name == "feather"
    home = str(tmp_path / "var")
    with write_lake(home) as lake:
        intake = ingest_sources.fn(lake, (source,), base=str(tmp_path), rules=ShopRules(secret=b"secret"))
        lake.commit(begin_run("ingest", date(2026, 5, 3)), intake.to_dict())
    assert intake.by_source["shop"].accepted == 3
    events = open_lake(home).table("events").to_pandas()
    assert sorted(events["value"]) == [10.0, 20.0, 30.0]
    assert events["customer_id"].nunique() == 2


def test_a_destination_writes_its_file_and_replaces_it(tmp_path: Path) -> None:
    from tasks.destinations import Export, load_destinations

    export = Export(name="heads", destination="headcount", path=tmp_path / "heads.jsonl")
    segments = pd.DataFrame(
        {"as_of": [AS_OF] * 3 + [date(2026, 6, 23)], "segment_name": ["A", "B", "A", "C"]}
    )
    write = load_destinations()[export.destination].write
    for expected in (2, 4):
        assert write({"segments": ibis.memtable(segments)}, export, AS_OF) == (export.path,)
        counts = [json.loads(line) for line in export.path.read_text().splitlines()]
        assert counts == [
            {"segment_name": "A", "customers": expected},
            {"segment_name": "B", "customers": expected // 2},
        ]
        segments = pd.concat([segments, segments])
    assert [path.name for path in tmp_path.glob("*heads*")] == ["heads.jsonl"]
    with pytest.raises(LookupError, match=r"exports\.heads: there is no table 'segments' yet"):
        write({}, export, AS_OF)
    with pytest.raises(ValidationError, match=r"there are: .*headcount"):
        Export(name="heads", destination="headcounts", path=tmp_path)


def test_a_page_stands_in_the_site_and_in_the_navigation() -> None:
    from monitoring.pages import ReportData, load_pages, render_site

    counts = dict.fromkeys(("accepted", "duplicates", "quarantined", "filtered", "late"), 0)
    sources = pd.DataFrame({"source": ["web", "<b>crm</b>"], "read": [900, 100]}).assign(**counts)
    site = render_site(ReportData("Shop", AS_OF, "EUR", "", summary={}, sources=sources))
    assert "<li>web: 900 rows</li><li>&lt;b&gt;crm&lt;/b&gt;: 100 rows</li>" in site["deliveries.html"]
    for name in load_pages():
        assert 'href="deliveries.html"' in site[f"{name}.html"].split("</nav>")[0]
