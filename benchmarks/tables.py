"""How measurements are printed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.experiments import Coverage
from benchmarks.measure import Cost, sum_stages
from benchmarks.segment_orders import MAIN, PUBLISHED, Contest
from benchmarks.segment_scale import Size
from benchmarks.segment_truth import ARI_MEAN, ARI_MIN, PAIR_MIN, Recovery


def show_cost(title: str, cost: Cost, out: Console) -> None:
    """One measurement as a table."""
    table = start_table(title)
    table.add_column("what")
    table.add_column("cost", justify="right")
    table.add_row("seconds", f"{cost.seconds:.1f}")
    table.add_row("peak memory", write_memory(cost.peak_bytes))
    for stage, seconds in cost.stages.items():
        table.add_row(f"  {stage}", f"{seconds:.1f}")
    table.add_row("  start and the rest", f"{cost.seconds - sum_stages(cost):.1f}")
    out.print(table)


def start_table(title: str) -> Table:
    """A table in the style of all of them."""
    return Table(title=title, title_justify="left", box=None, pad_edge=False)


def write_memory(peak: int | None) -> str:
    """Bytes as mebibytes, or that nobody knows."""
    return "unknown" if peak is None else f"{peak / 2**20:,.0f} MiB"


def show_contest(found: Contest, out: Console) -> None:
    """Segments of real orders beside RFM, cut by cut."""
    out.print(f"recipe: {found.recipe}")
    out.print(f"the search says: {found.reason}")
    for place, verdict in enumerate(found.verdicts):
        table = start_table(
            f"R² of the 90 days from {verdict.cut}, {verdict.customers:,} customers, {verdict.segments} segments"
        )
        table.add_column("foretold by")
        for outcome in verdict.r2.columns:
            table.add_column(outcome, justify="right")
        table.add_column("published", justify="right")
        for name, row in verdict.r2.iterrows():
            known = PUBLISHED.get(str(name))
            table.add_row(str(name), *(f"{r:.3f}" for r in row), f"{known[place]:.3f}" if known else "")
        out.print(table)
        gain, low, high = verdict.lead
        behind = (verdict.r2.loc["K-Means on RFM"] - verdict.r2.loc["ours"]).drop(MAIN)
        each = ", ".join(f"{segment}: {value:.2f}" for segment, value in verdict.stability.items())
        out.print(
            f"log revenue over K-Means on RFM: {gain:+.3f}, 95 % interval {low:+.3f} to {high:+.3f} (aim: above 0); "
            f"aim for R²: {(0.270, 0.250)[place]:.3f}"
        )
        out.print(f"most behind it in {behind.idxmax()}: {max(behind.max(), 0):.3f} (aim: at most .02)")
        out.print(f"stability of each segment (aim: at least .75): {each}")
    frozen = ", ".join(f"{name} {r2:.3f}" for name, r2 in found.frozen.items())
    out.print(f"fitted at the first cut, scored at the second: {frozen} (published, RFM: .250)")


def show_growth(sizes: Sequence[Size], out: Console) -> None:
    """What search, fit and scoring cost by customers and factors."""
    table = start_table("segments: search with default settings, fit on a sample, scoring of everybody")
    for name in ("customers", "factors", "search + fit, s", "", "peak memory", "K-Means /s", "HDBSCAN /s"):
        table.add_column(name, justify="left" if not name else "right")
    longest = max(size.training for size in sizes)
    for size in sizes:
        table.add_row(
            f"{size.customers:,}",
            str(size.factors),
            f"{size.training:.1f}",
            "█" * max(1, round(20 * size.training / longest)),
            write_memory(size.peak_bytes),
            f"{size.figures['kmeans_score_per_s']:,.0f}",
            f"{size.figures['hdbscan_score_per_s']:,.0f}",
        )
    out.print(table)
    out.print(
        "aims for 1,000,000 × 40: at most 300 s and 6,144 MiB, 200,000 a second by K-Means, 20,000 by HDBSCAN"
    )
    for size in sizes:
        f = size.figures
        out.print(
            f"{size.customers:,} × {size.factors}: preparation alone {f['kmeans_prepare_per_s']:,.0f} a second, "
            f"K-Means alone {f['kmeans_place_per_s']:,.0f}, HDBSCAN alone {f['hdbscan_place_per_s']:,.0f}; "
            f"approximate_predict {f['approximate_predict_per_s']:,.0f}, ours × {f['ratio']:.1f}; agreement "
            f"{f['agreement']:.1%} (aim: 99 %), where both see a segment {f['agreement_inside']:.1%}; "
            f"{f['clusters']:.0f} clusters, {f['outliers']:.0%} outliers"
        )


def show_recoveries(found: Sequence[Recovery], out: Console) -> None:
    """How much of the hidden segments came back, shop by shop."""
    table = start_table("simulated shops: the true segments found")
    for name in ("seed", "customers", "algorithm", "segments", "ARI", "F1 of the pair equal in RFM"):
        table.add_column(name, justify="left" if name == "algorithm" else "right")
    for shop in found:
        pair = " and ".join(f"{f1:.3f}" for f1 in shop.f1)
        table.add_row(
            str(shop.seed), f"{shop.customers:,}", shop.algorithm, str(shop.segments), f"{shop.ari:.3f}", pair
        )
    out.print(table)
    aris = [shop.ari for shop in found]
    out.print(
        f"mean ARI {np.mean(aris):.3f} (aim: {ARI_MEAN}), lowest {min(aris):.3f} (aim: {ARI_MIN}); lowest F1 of the "
        f"pair {min(min(shop.f1) for shop in found):.3f} (aim: {PAIR_MIN})"
    )


def show_coverage(found: Sequence[Coverage], out: Console) -> None:
    """How often intervals of simulated campaigns held what is true."""
    table = start_table("simulated campaigns: how often a 95 % interval holds the true effect")
    for name in ("metric", "of", "held", "no upper bound", "no interval", "intervals"):
        table.add_column(name, justify="left" if name in ("metric", "of") else "right")
    for one in found:
        table.add_row(
            one.metric,
            one.scope,
            f"{one.covered:.1%}",
            f"{one.unbounded:.1%}",
            f"{one.missing:.1%}",
            f"{one.intervals:,}",
        )
    out.print(table)
    out.print("aims: 94 to 96 %, shrunken at least 94 %; a cost per conversion is a set, bounded or not")
