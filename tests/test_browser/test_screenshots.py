"""The pictures of the README: four pages, small files, and a plain word where there is no report."""

from pathlib import Path

import pytest
from PIL import Image

from docs.screenshots import PAGES, SIZE, take_screenshots

SMALL = 250_000


@pytest.mark.long
def test_the_main_pages_are_pictured_small(reports: Path, browser_path: str, tmp_path: Path) -> None:
    written = take_screenshots(reports / "latest", folder=tmp_path / "images")
    assert [path.stem for path in written] == list(PAGES)
    for path in written:
        assert path.stat().st_size < SMALL
        with Image.open(path) as picture:
            assert picture.size == SIZE
            colours = picture.convert("RGB").getcolors(1 << 20)
            assert colours is not None
            assert len(colours) > 20


def test_where_there_is_no_report_the_way_to_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="`segmentwerk demo` makes a report"):
        take_screenshots(tmp_path, folder=tmp_path / "images")
    assert not (tmp_path / "images").exists()


@pytest.mark.parametrize("name", PAGES)
def test_the_pictures_of_the_readme_are_small(name: str) -> None:
    path = Path(__file__).parents[2] / "docs" / "images" / f"{name}.png"
    assert path.stat().st_size < SMALL
