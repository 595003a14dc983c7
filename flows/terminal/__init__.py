"""What the command line shows: plain words and tables that fit eighty columns; progress on stderr."""

from flows.terminal.audit import show_audit
from flows.terminal.campaigns import show_campaign, show_plan
from flows.terminal.facts import show_duration, show_exports, show_facts, show_receipt
from flows.terminal.progress_bar import progress
from flows.terminal.sources import show_check, show_ingest
from flows.terminal.upkeep import show_doctor, show_runs
from flows.terminal.versions import show_models
from flows.terminal.weeks import show_demo, show_score, show_segments, show_weekly

__all__ = [
    "progress", "show_audit", "show_campaign", "show_check", "show_demo", "show_doctor", "show_duration",
    "show_exports", "show_facts", "show_ingest", "show_models", "show_plan", "show_receipt", "show_runs", "show_score",
    "show_segments", "show_weekly",
]  # fmt: skip
