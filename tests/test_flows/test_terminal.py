"""What the terminal says of a week, in lines that need no report."""

from typing import Any

from flows.terminal.weeks import describe_migration

TOLD: dict[str, Any] = {
    "previous_as_of": "2026-11-08", "before_version": "1", "after_version": "2", "common": 4904, "joined": 3, "left": 0,
    "moved": 0.0622, "moved_by_customers": 0.041, "moved_by_model": 0.03,
    "sentences": ["312 customers went from Loyal to Cooling: by the new model.", "Second.", "Third."],
}  # fmt: skip


def test_who_moved_is_a_line_and_the_largest_flows() -> None:
    assert describe_migration(TOLD) == [
        "moved: 6.2% of 4,904 customers since 2026-11-08, 4.1% by what they did, 3.0% by the new model",
        "moved: 312 customers went from Loyal to Cooling: by the new model.",
        "moved: Second.",
    ]


def test_where_the_model_stayed_or_nobody_can_be_compared_less_is_said() -> None:
    same = TOLD | {"after_version": "1", "sentences": []}
    assert describe_migration(same) == ["moved: 6.2% of 4,904 customers since 2026-11-08"]
    assert describe_migration(TOLD | {"common": 0, "moved": None}) == []
    assert describe_migration(None) == []
