"""Damaged deliveries by the hundred: every row is accounted for, or all are refused in one line and none is written."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lake_contents import read_contents
from test_faults.damaged_files import Damaged, damaged_files
from test_faults.fuzzing import KnownLake, assert_balance, assert_reason, cases, run

PART = "sources"
CONFIG = """\
[[sources]]
name = "shop"
path = "in/*"
max_bad_share = {share}
{more}
[sources.keys]
email = "mail"
[sources.columns]
"""
MAPPINGS = (
    {
        "event_id": "id", "occurred_at": "ts", "kind": "kind", "value": "amount", "quantity": "quantity",
        "category": "category",
    },
    {
        "occurred_at": "ts::timestamp", "kind": "coalesce(kind, 'purchase')", "value": "amount::double * 2",
        "quantity": "try_cast(quantity as integer)", "category": "upper(left(category, 3))",
    },
    {
        "event_id": "id || '-' || ts", "occurred_at": "ts", "order_id": "id", "channel": "category",
        "kind": "case when amount::double > 5 then 'purchase' else kind end", "session_id": "mail || ts",
    },
    {"occurred_at": "strptime(ts, '%Y-%m-%d %H:%M')", "kind": "'purchase'", "value": "amount::decimal(9, 2)"},
)  # fmt: skip
GOOD = "id,ts,kind,amount,quantity,category,mail\n" + "".join(
    f"{n},2026-05-0{n} 10:00,purchase,{n}0,{n},shoes,c{n}@x.example\n" for n in range(1, 5)
)


def write_config(folder: Path, mapping: dict[str, str], *, share: float, more: str = "") -> Path:
    """The configuration that reads `in/*`."""
    columns = "".join(f"{name} = {json.dumps(sql)}\n" for name, sql in mapping.items())
    config = folder / "shop.toml"
    config.write_text(CONFIG.format(share=share, more=more) + columns, encoding="utf-8")
    return config


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> KnownLake:
    """A shop that has taken in four good rows."""
    folder = tmp_path_factory.mktemp("known")
    (folder / "in").mkdir()
    (folder / "in" / "a.csv").write_text(GOOD, encoding="utf-8")
    done = run("the shop", "ingest", "--json", "--config", str(write_config(folder, MAPPINGS[0], share=1.0)))
    assert assert_balance(done)["accepted"] == 4
    return KnownLake(folder, read_contents(folder / "var"))


@given(
    file=damaged_files(),
    mapping=st.sampled_from(MAPPINGS),
    share=st.sampled_from((1.0, 1.0, 0.3, 0.0)),
    more=st.sampled_from(
        ("", "", "where = \"kind <> 'test'\"", 'timezone = "Europe/Berlin"', 'where = "amount::int > 3"')
    ),
    command=st.sampled_from((("ingest",), ("ingest",), ("ingest",), ("check", "--preview", "3"))),
)
@cases(120, whole=800)
def test_a_damaged_delivery_is_refused_or_accounted_for(
    known: KnownLake,
    tmp_path_factory: pytest.TempPathFactory,
    file: Damaged,
    mapping: dict[str, str],
    share: float,
    more: str,
    command: tuple[str, ...],
) -> None:
    folder = known.copy(tmp_path_factory.mktemp("case"))
    try:
        (folder / "in" / file.name).write_bytes(file.content)
        config = write_config(folder, mapping, share=share, more=more)
        ending = run(PART, *command, "--json", "--config", str(config))
        if ending.code:
            assert_reason(ending, names=["sources.shop"])
        if ending.code or command[0] == "check":
            known.assert_untouched(PART, folder / "var")
        else:
            assert_balance(ending)
    finally:
        shutil.rmtree(folder)
