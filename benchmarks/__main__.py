"""`python -m benchmarks`: measures what the main things cost in time and memory, and prints tables."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from benchmarks.drift import ALARMS_MAX, DETECTED_MIN, RETRAINS_MAX, SHOPS, WATCHED_MAX, watch_shops
from benchmarks.drift_stage import BYTES_MAX, SECONDS_MAX, measure_drift_stage
from benchmarks.experiment_scale import measure_scale
from benchmarks.experiments import (
    EXPERIMENTS,
    LOOKED_AT,
    compare_power,
    count_early_errors,
    count_false_positives,
    count_mismatches,
    measure_coverage,
)
from benchmarks.faulty_feeds import DRAWS, SOUND, break_feeds
from benchmarks.faulty_feeds import SHOPS as FAULTY_SHOPS
from benchmarks.features import MEMORY, Contest, measure_features
from benchmarks.incremental import measure_increment
from benchmarks.ingestion import measure_intake
from benchmarks.lifetime_value import (
    FIT_SECONDS_MAX,
    VALUED_CUSTOMERS,
    compare_published,
    find_cdnow,
    measure_lifetime_value,
)
from benchmarks.measure import Cost, measure_command, sum_stages
from benchmarks.orders import find_orders, measure_ingestion, measure_weekly, write_orders
from benchmarks.reports import CAMPAIGNS, KILOBYTES_MAX, measure_reports
from benchmarks.reports import CUSTOMERS as REPORTED_CUSTOMERS
from benchmarks.reports import SECONDS_MAX as REPORT_SECONDS_MAX
from benchmarks.retraining import (
    KEPT_MIN,
    ORDERS_CUT,
    ORDERS_KEPT_MIN,
    REPLACED_MIN,
    STALE_SEEDS,
    replace_stale,
    retrain_orders,
    retrain_shops,
)
from benchmarks.retraining import SEEDS as RETRAINED_SEEDS
from benchmarks.segment_orders import BOOTSTRAPS, REPEATS, contest_orders
from benchmarks.segment_scale import CUSTOMERS, FACTORS, draw_growth, measure_growth
from benchmarks.segment_truth import SEEDS, recover_shops
from benchmarks.soak import CUSTOMERS as SOAKED_CUSTOMERS
from benchmarks.soak import WEEKS, draw_soak, show_soak, soak_shop
from benchmarks.tables import (
    show_contest,
    show_cost,
    show_coverage,
    show_growth,
    show_recoveries,
    start_table,
    write_memory,
)

PARTS = (
    "demo",
    "orders",
    "ingestion",
    "events",
    "incremental",
    "features",
    "segments-online-retail",
    "segments-scale",
    "segments-truth",
    "retraining-same-data",
    "retraining-online-retail",
    "retraining-stale",
    "drift",
    "faulty-feeds",
    "drift-stage",
    "ltv",
    "experiments",
    "experiments-scale",
    "reports",
    "soak",
)


def main() -> None:
    options = _read_options()
    os.environ.setdefault("DO_NOT_TRACK", "true")
    # Draws go by pseudonyms, so with another key every run would look at other customers.
    os.environ.setdefault("SEGMENTWERK_PSEUDONYM_KEY", "benchmarks of segmentwerk, not a secret")
    out = Console(width=110)
    out.print(_describe_machine())
    with tempfile.TemporaryDirectory(prefix="segmentwerk-bench-", dir=options.folder) as scratch:
        folder = Path(scratch)
        for part in options.parts:
            _MEASURES[part](folder, options, out)


def _show_demo(folder: Path, options: argparse.Namespace, out: Console) -> None:
    cost = measure_demo(folder, options.customers)
    show_cost(f"demo, {options.customers:,} customers, warm", cost, out)


def _show_orders(folder: Path, options: argparse.Namespace, out: Console) -> None:
    if _has_orders(out):
        config = write_orders(folder / "weekly", rows=options.rows)
        title = f"Online Retail, weekly, {_size(options.rows)}"
        show_cost(title, measure_weekly(config, as_of=options.as_of), out)


def _show_ingestion(folder: Path, options: argparse.Namespace, out: Console) -> None:
    if _has_orders(out):
        ours, copied = measure_ingestion(write_orders(folder / "ingest", rows=options.rows))
        out.print(
            f"ingestion of Online Retail, {_size(options.rows)}: {ours:.1f} s; DuckDB copies it to Parquet in "
            f"{copied:.1f} s; ratio {ours / copied:.1f}"
        )


def _show_events(folder: Path, options: argparse.Namespace, out: Console) -> None:
    few = measure_intake(folder / "few", rows=max(options.events // 10, 1))
    shutil.rmtree(folder / "few")
    many = measure_intake(folder / "many", rows=options.events)
    shutil.rmtree(folder / "many")
    table = start_table(
        "events from Parquet: mapping, contract, identity, deduplication, commit to an empty lake"
    )
    for name in ("what", f"{few.rows:,} rows", f"{many.rows:,} rows"):
        table.add_column(name, justify="left" if name == "what" else "right")
    sizes = (few, many)
    table.add_row("seconds", *(f"{size.seconds:.1f}" for size in sizes))
    table.add_row("  of processor", *(f"{size.processor:.1f}" for size in sizes))
    table.add_row("  once more, nothing new", *(f"{size.again:.1f}" for size in sizes))
    table.add_row("events a second", *(f"{size.events_a_second:,.0f}" for size in sizes))
    table.add_row("DuckDB's copy of the file, seconds", *(f"{size.copied:.2f}" for size in sizes))
    table.add_row("ratio (aim: at most 8)", *(f"{size.ratio:.1f}" for size in sizes))
    table.add_row("  of processor", *(f"{size.processor_ratio:.1f}" for size in sizes))
    table.add_row("peak memory (aim: at most 2,048 MiB)", *(write_memory(size.peak_bytes) for size in sizes))
    for name in few.counts:
        table.add_row(f"  {name}", *(f"{size.counts[name]:,}" for size in sizes))
    out.print(table)
    if few.peak_bytes and many.peak_bytes:
        growth = many.peak_bytes / few.peak_bytes
        out.print(f"peak memory of ten times the rows: × {growth:.2f} (aim: at most 1.3)")


def _show_incremental(folder: Path, options: argparse.Namespace, out: Console) -> None:
    found = measure_increment(
        folder / "incremental", events=options.weekly_events, customers=options.weekly_customers
    )
    shutil.rmtree(folder / "incremental")
    table = start_table(f"weeks of {options.weekly_events:,} events: ingestion, rollups and features")
    for name in ("what", "first 52 weeks", "week 53 on top", "all 53 in one go"):
        table.add_column(name, justify="left" if name == "what" else "right")
    costs = (found.base, found.week, found.whole)
    for stage in found.whole.stages:
        table.add_row(f"{stage}, seconds", *(f"{cost.stages[stage]:.1f}" for cost in costs))
    table.add_row("both, seconds", *(f"{sum_stages(cost):.1f}" for cost in costs))
    table.add_row("seconds of processor", *(f"{cost.processor:.1f}" for cost in costs))
    table.add_row("with the start of the process", *(f"{cost.seconds:.1f}" for cost in costs))
    table.add_row("peak memory", *(write_memory(cost.peak_bytes) for cost in costs))
    out.print(table)
    out.print(
        f"the new week costs {found.share:.1%} of all 53 (aim: at most 15%), "
        f"with the start {found.share_with_start:.1%}"
    )


def _show_features(folder: Path, options: argparse.Namespace, out: Console) -> None:
    contest = _contest(folder, options, out, rows=options.feature_events)
    if contest.reasons:
        out.print(f"{'; '.join(contest.reasons)}; so all once more with two fifths of the events")
        _contest(folder, options, out, rows=max(options.feature_events * 2 // 5, 1))


def _contest(folder: Path, options: argparse.Namespace, out: Console, *, rows: int) -> Contest:
    place = folder / f"features-{rows}"
    contest = measure_features(place, rows=rows, memory=options.memory)
    shutil.rmtree(place)
    table = start_table(f"features from {rows:,} events in Parquet")
    for name in ("what", "ours", "plain pandas", "tuned pandas"):
        table.add_column(name, justify="left" if name == "what" else "right")
    costs = (contest.ours, contest.plain, contest.tuned)
    for stage in ("rollups", "features", "read", "compute"):
        found = (cost.stages.get(stage) if cost else None for cost in costs)
        table.add_row(f"  {stage}, seconds", *("" if s is None else f"{s:.1f}" for s in found))
    table.add_row("in all, seconds", *(f"{sum_stages(cost):.1f}" if cost else "—" for cost in costs))
    table.add_row("seconds of processor", *(f"{cost.processor:.1f}" if cost else "—" for cost in costs))
    table.add_row(
        "peak memory (aim: at most 4,096 MiB)",
        *(write_memory(cost.peak_bytes) if cost else "—" for cost in costs),
    )
    faster = (contest.speedup(cost) for cost in (contest.plain, contest.tuned))
    table.add_row(
        "ours is faster (aim: at least 5 times)",
        "",
        *("—" if times is None else f"× {times:.1f}" for times in faster),
    )
    out.print(table)
    return contest


def _show_segments_of_orders(folder: Path, options: argparse.Namespace, out: Console) -> None:
    if _has_orders(out):
        config = write_orders(folder / "segments-orders", rows=None)
        found = contest_orders(config, repeats=options.repeats, bootstraps=options.bootstraps)
        show_contest(found, out)
        shutil.rmtree(config.parent)


def _show_scale(_folder: Path, options: argparse.Namespace, out: Console) -> None:
    growth = []
    for size in measure_growth(options.segment_customers, options.segment_factors):
        out.print(f"measured: {size.customers:,} customers × {size.factors} factors")
        growth.append(size)
    show_growth(growth, out)
    if options.chart is not None:
        draw_growth(growth).write_html(options.chart, include_plotlyjs=True)
        out.print(f"chart: {options.chart}")


def _show_truth(folder: Path, options: argparse.Namespace, out: Console) -> None:
    found = []
    for shop in recover_shops(folder / "truth", seeds=options.seeds, customers=options.customers):
        out.print(f"seed {shop.seed}: ARI {shop.ari:.3f}, {shop.segments} segments by {shop.algorithm}")
        found.append(shop)
    show_recoveries(found, out)


def _show_same_data(folder: Path, options: argparse.Namespace, out: Console) -> None:
    found = []
    for shop in retrain_shops(folder / "retrained", seeds=options.retrained_seeds):
        out.print(
            f"seed {shop.seed}: {shop.champion}, challenger by {'the same' if shop.same_recipe else 'another'} recipe: "
            f"{shop.decision}; promoted all the same, {shop.kept:.2%} keep their segment"
        )
        found.append(shop)
    promoted = sum(shop.decision == "promote" for shop in found)
    out.print(
        f"the same data trained again, {len(found)} shops: {promoted} promoted (aim: none); fewest customers who keep "
        f"their segment {min(shop.kept for shop in found):.2%} (aim: at least {KEPT_MIN:.0%})"
    )


def _show_week_later(folder: Path, _options: argparse.Namespace, out: Console) -> None:
    if _has_orders(out):
        config = write_orders(folder / "retrained-orders", rows=None)
        found = retrain_orders(config)
        shutil.rmtree(config.parent)
        out.print(
            f"Online Retail from {ORDERS_CUT} to a week later, {found.recipe}, challenger by "
            f"{'the same' if found.same_recipe else 'another'} recipe, promoted all the same: {found.warm:.1%} keep "
            f"their segment (aim: at least {ORDERS_KEPT_MIN:.0%}), begun anew {found.cold:.1%}; K-Means with 8 "
            f"segments on RFM, begun anew, {found.cold_eight:.1%} (published: about 79%)"
        )


def _show_stale(_folder: Path, options: argparse.Namespace, out: Console) -> None:
    found = list(replace_stale(seeds=options.stale_seeds))
    gains = sorted(one.gain for one in found)
    replaced = sum(one.cycle is not None for one in found)
    out.print(
        f"champions from before habits changed: {replaced} of {len(found)} replaced within two cycles (aim: "
        f"{REPLACED_MIN} of {STALE_SEEDS}); gain in separation {gains[0]:.3f} to {gains[-1]:.3f}"
    )


def _show_drift(_folder: Path, options: argparse.Namespace, out: Console) -> None:
    quiet: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    for shop in watch_shops(shops=options.drift_shops):
        quiet.update(shop.quiet)
        seen.update(shop.seen)
        tried.update(shop.tried)
        out.print(f"shop {shop.seed}: {shop.quiet}, {shop.seen}")
    weeks = quiet.total()
    table = start_table(f"drift in {options.drift_shops} shops")
    for column in ("decision or change", "measured", "aim"):
        table.add_column(column)
    table.add_row("watch, nothing changed", f"{quiet['watch'] / weeks:.1%}", f"≤ {WATCHED_MAX:.0%}")
    table.add_row("retrain, nothing changed", f"{quiet['retrain'] / weeks:.1%}", f"≤ {RETRAINS_MAX:.0%}")
    alarms = quiet["retrain"] + quiet["data_fault"]
    table.add_row("retrain or data fault, nothing changed", f"{alarms / weeks:.1%}", f"≤ {ALARMS_MAX:.0%}")
    for change, times in tried.items():
        found = f"{seen[change]} of {times} within two weeks"
        table.add_row(change, found, f"≥ {DETECTED_MIN:.0%}")
    out.print(table)


def _show_faults(folder: Path, options: argparse.Namespace, out: Console) -> None:
    right: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    for one in break_feeds(folder / "feeds", shops=options.faulty_shops, draws=options.faulty_draws):
        tried[one.fault] += 1
        right[one.fault] += one.is_right
        if not one.is_right:
            out.print(f"shop {one.seed}: {one.fault} of '{one.source}' was taken for {one.found or SOUND}")
    table = start_table("faults of one source in its last week, taken in and looked at as a weekly run does")
    for column in ("what was wrong", "told, and nothing else", "aim"):
        table.add_column(column)
    for fault, times in tried.items():
        table.add_row(fault, f"{right[fault]} of {times}", "all")
    out.print(table)


def _show_drift_stage(folder: Path, options: argparse.Namespace, out: Console) -> None:
    customers = options.drift_customers
    cost = measure_drift_stage(folder / "drift-stage", customers=customers)
    show_cost(f"drift of {customers:,} customers, with the fit of a champion", cost, out)
    out.print(
        f"the stages together: {sum_stages(cost):.1f} s (aim for a million: {SECONDS_MAX:.0f} s and "
        f"{write_memory(BYTES_MAX)})"
    )


def _show_lifetime_value(_folder: Path, options: argparse.Namespace, out: Console) -> None:
    customers = options.valued_customers
    cost = measure_lifetime_value(customers=customers)
    show_cost(f"lifetime value of {customers:,} simulated customers", cost, out)
    fit = cost.stages["BG/NBD"] + cost.stages["Gamma-Gamma"]
    out.print(f"both fits together: {fit:.1f} s (aim for a million: {FIT_SECONDS_MAX:.0f} s)")
    if not find_cdnow().exists():
        out.print(f"published figures: {find_cdnow()} is not there; set SEGMENTWERK_DATA_DIR")
        return
    table = start_table("CDNOW's sample of 2,357 customers")
    for name in ("parameter", "published", "ours", "off (aim: at most 0.5%)"):
        table.add_column(name, justify="left" if name == "parameter" else "right")
    for one in compare_published():
        table.add_row(one.name, f"{one.published:g}", f"{one.found:.6g}", f"{one.deviation:+.2%}")
    out.print(table)


def _show_experiments(_folder: Path, options: argparse.Namespace, out: Console) -> None:
    many = options.experiments
    show_coverage(measure_coverage(experiments=many), out)
    for name, share in count_false_positives(experiments=many).items():
        out.print(f"no effect, and {name} found one: {share:.1%} (aim: 4 to 6 %)")
    early, fixed = count_early_errors(experiments=min(many, LOOKED_AT))
    out.print(
        f"28 looks at no effect: the always-valid interval found one in {early:.1%} (aim: at most 5 %), the one made "
        f"for the end in {fixed:.1%}"
    )
    for name, power in compare_power(experiments=many).items():
        out.print(
            f"{name}: planned power {power.planned:.0%}, found {power.found:.1%} (aim: within 3 points)"
        )
    for share, told in count_mismatches(draws=many).items():
        aim = "at most .5 %" if share == 0.5 else "at least 99 %"
        out.print(
            f"20,000 customers of whom {share:.0%} go to control: mismatch told in {told:.2%} (aim: {aim})"
        )


def _show_experiment_scale(_folder: Path, options: argparse.Namespace, out: Console) -> None:
    cost = measure_scale(customers=options.campaign_customers)
    show_cost(f"a campaign of {options.campaign_customers:,} customers, every metric", cost, out)
    out.print("aims for 10,000,000: at most 15 s and 4,096 MiB")


def _show_reports(folder: Path, options: argparse.Namespace, out: Console) -> None:
    customers, campaigns = options.reported_customers, options.reported_campaigns
    cost = measure_reports(folder / "reports", customers=customers, campaigns=campaigns)
    shutil.rmtree(folder / "reports")
    table = start_table(
        f"all reports of {customers:,} customers and {campaigns} campaigns, built and published"
    )
    for name in ("what", "cost"):
        table.add_column(name, justify="left" if name == "what" else "right")
    table.add_row(f"seconds (aim: at most {REPORT_SECONDS_MAX:.0f})", f"{cost.seconds:.1f}")
    table.add_row("  of processor", f"{cost.processor:.1f}")
    table.add_row("peak memory, with what the run holds", write_memory(cost.peak_bytes))
    for page, weight in cost.kilobytes.items():
        table.add_row(f"  {page}, kB", f"{weight:,.0f}")
    table.add_row(f"heaviest page of ours, kB (aim: at most {KILOBYTES_MAX:,.0f})", f"{cost.heaviest:,.0f}")
    out.print(table)
    out.print(
        f"the same figures, each a page with Plotly inside: {cost.alone_seconds:.1f} s and "
        f"{cost.alone_kilobytes:,.0f} kB, × {cost.alone_kilobytes / sum(cost.kilobytes.values()):.1f} of all our pages"
    )


def _show_soak(folder: Path, options: argparse.Namespace, out: Console) -> None:
    weeks = []
    for week in soak_shop(folder / "soak", weeks=options.soak_weeks, customers=options.soaked_customers):
        weeks.append(week)
        out.print(
            f"week {len(weeks)}: {week.seconds:.1f} s, {week.rss_mib:,.0f} MiB, {week.files} open files, "
            f"{week.engines} engines, {week.lake_files} files in the lake"
        )
    shutil.rmtree(folder / "soak")
    show_soak(weeks, out)
    if options.chart is not None:
        draw_soak(weeks).write_html(options.chart, include_plotlyjs=True)
        out.print(f"chart: {options.chart}")


_MEASURES: dict[str, Callable[[Path, argparse.Namespace, Console], None]] = {
    "demo": _show_demo,
    "orders": _show_orders,
    "ingestion": _show_ingestion,
    "events": _show_events,
    "incremental": _show_incremental,
    "features": _show_features,
    "segments-online-retail": _show_segments_of_orders,
    "segments-scale": _show_scale,
    "segments-truth": _show_truth,
    "retraining-same-data": _show_same_data,
    "retraining-online-retail": _show_week_later,
    "retraining-stale": _show_stale,
    "drift": _show_drift,
    "faulty-feeds": _show_faults,
    "drift-stage": _show_drift_stage,
    "ltv": _show_lifetime_value,
    "experiments": _show_experiments,
    "experiments-scale": _show_experiment_scale,
    "reports": _show_reports,
    "soak": _show_soak,
}


def measure_demo(folder: Path, customers: int) -> Cost:
    """The demo when it has run before: files are in the system's cache and Prefect's database is there."""
    demo = folder / "demo"
    measure_command(["demo", "--customers", "300", "--folder", str(demo), "--json"], home=demo / "var")
    return measure_command(
        ["demo", "--customers", str(customers), "--folder", str(demo), "--json"], home=demo / "var"
    )


def _has_orders(out: Console) -> bool:
    there = find_orders().exists()
    if not there:
        out.print(f"orders: {find_orders()} is not there; set SEGMENTWERK_DATA_DIR")
    return there


def _size(rows: int | None) -> str:
    return "all rows" if rows is None else f"{rows:,} rows"


def _describe_machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.1f} GiB memory, Python {platform.python_version()}, {platform.system()}"


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--customers", type=int, default=5000, help="customers of a simulated shop")
    parser.add_argument("--rows", type=int, default=None, help="only the first rows of Online Retail")
    parser.add_argument("--events", type=int, default=10_000_000, help="rows of the part 'events'")
    parser.add_argument("--weekly-events", type=int, default=100_000, help="rows a week of 'incremental'")
    parser.add_argument("--weekly-customers", type=int, default=40_000, help="customers of 'incremental'")
    parser.add_argument("--feature-events", type=int, default=50_000_000, help="rows of the part 'features'")
    parser.add_argument("--memory", default=MEMORY, help="what the engine may keep in memory in 'features'")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="shops of 'segments-truth'")
    parser.add_argument(
        "--retrained-seeds", type=int, default=RETRAINED_SEEDS, help="shops of 'retraining-same-data'"
    )
    parser.add_argument("--drift-shops", type=int, default=SHOPS, help="shops of 'drift'")
    parser.add_argument("--faulty-shops", type=int, default=FAULTY_SHOPS, help="shops of 'faulty-feeds'")
    parser.add_argument("--faulty-draws", type=int, default=DRAWS, help="faults of each kind in each of them")
    parser.add_argument("--drift-customers", type=int, default=1_000_000, help="customers of 'drift-stage'")
    parser.add_argument("--valued-customers", type=int, default=VALUED_CUSTOMERS, help="customers of 'ltv'")
    parser.add_argument("--experiments", type=int, default=EXPERIMENTS, help="campaigns of 'experiments'")
    parser.add_argument(
        "--campaign-customers", type=int, default=10_000_000, help="customers of 'experiments-scale'"
    )
    parser.add_argument("--reported-customers", type=int, default=REPORTED_CUSTOMERS, help="of 'reports'")
    parser.add_argument("--reported-campaigns", type=int, default=CAMPAIGNS, help="campaigns of 'reports'")
    parser.add_argument("--soak-weeks", type=int, default=WEEKS, help="weekly runs of 'soak'")
    parser.add_argument("--soaked-customers", type=int, default=SOAKED_CUSTOMERS, help="of its shop")
    parser.add_argument("--stale-seeds", type=int, default=STALE_SEEDS, help="runs of 'retraining-stale'")
    parser.add_argument(
        "--repeats", type=int, default=REPEATS, help="cross-validations of 'segments-online-retail'"
    )
    parser.add_argument("--bootstraps", type=int, default=BOOTSTRAPS, help="refits for stability there")
    sizes = {"type": int, "nargs": "+"}
    parser.add_argument("--segment-customers", **sizes, default=CUSTOMERS, help="sizes of 'segments-scale'")
    parser.add_argument("--segment-factors", **sizes, default=FACTORS, help="numbers of factors there")
    parser.add_argument(
        "--chart", type=Path, default=None, help="HTML file for the chart of 'segments-scale' or 'soak'"
    )
    parser.add_argument("--folder", type=Path, default=None, help="where passing files go; about 20 GB")
    parser.add_argument("--as-of", default="2011-11-28", help="last day of the weekly run on Online Retail")
    return parser.parse_args()


if __name__ == "__main__":
    main()
