"""What a failed command says of what the system refused it."""

import pytest

from flows.error_line import AGAIN, REMEDIES, add_remedy


@pytest.mark.parametrize("says", REMEDIES)
def test_what_the_system_says_comes_with_a_remedy(says: str) -> None:
    told = add_remedy(f"Generic LocalFileSystem error: {says} (os error 1)")
    assert told.startswith("Generic LocalFileSystem error: ")
    assert told.endswith(f"; {REMEDIES[says]} and {AGAIN}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "there is no champion yet; run `segmentwerk weekly` first",
        f"No space left on device: do this, and {AGAIN}",
    ],
)
def test_what_says_so_itself_is_left_as_it_is(text: str) -> None:
    assert add_remedy(text) == text
