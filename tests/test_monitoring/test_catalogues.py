"""The catalogues are whole: every text of the report site is in each of them, with its fields and its plural forms."""

import re
import tomllib
from functools import cache
from io import StringIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po
from report_sample import make_data

from monitoring.pages.layout.catalogues import FOLDER, find_locale, list_languages
from monitoring.pages.layout.words import load_words

HOUSE = Path(__file__).parents[2]
OTHERS = [language for language in list_languages() if language != "en"]
KEYWORDS = DEFAULT_KEYWORDS | {"mark": None, "Metric": (2,)}
FIELD = re.compile(r"\{\w+\}")
SAME = {"CAC", "Version", "Version {version}", "Version in use", "Segment", "Segment {number}", "Drift", "ROI",
        "Conversion", "Net promoter score", "Silhouette"}  # fmt: skip


@cache
def list_texts() -> frozenset[str | tuple[str, ...]]:
    """Every text that is marked in the program or a template; of a plural both forms."""
    mappings = tomllib.loads((FOLDER / "babel.toml").read_text(encoding="utf-8"))["mappings"]
    found = (
        found
        for folder in ("monitoring", "tasks")
        for found in extract_from_dir(
            HOUSE / folder,
            method_map=[(one["pattern"], one["method"]) for one in mappings],
            options_map={one["pattern"]: one for one in mappings},
            keywords=KEYWORDS,
        )
    )
    return frozenset(text for _file, _line, text, _comments, _context in found if text)


@cache
def read_catalogue(language: str) -> Catalog:
    return read_po(StringIO((FOLDER / f"{language}.po").read_text(encoding="utf-8")), locale=language)


def list_entries(language: str) -> list[Message]:
    return [message for message in read_catalogue(language) if message.id]


def test_texts_are_found_in_code_templates_and_metrics() -> None:
    texts = list_texts()
    assert {"This week", "Skip to the content", "Return on investment", "Save as CSV"} <= texts
    assert ("{count} row", "{count} rows") in texts
    assert "{name} worked: {told}." in texts
    assert len(texts) > 300


def test_the_languages_are_those_promised() -> None:
    assert set(list_languages()) >= {"en", "de", "ru", "zh"}
    assert list_languages()[0] == "en"


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated_and_nothing_else(language: str) -> None:
    entries = {message.id: message for message in list_entries(language)}
    assert list_texts() - set(entries) == set()
    assert set(entries) - list_texts() == set()
    for text, message in entries.items():
        said = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(said), text
        assert not message.fuzzy


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_has_the_fields_of_its_text(language: str) -> None:
    for message in list_entries(language):
        if message.pluralizable:
            assert len(message.string) == read_catalogue(language).num_plurals
            for form in message.string:
                assert sorted(FIELD.findall(form)) == sorted(FIELD.findall(message.id[1])), form
        else:
            assert sorted(FIELD.findall(message.string)) == sorted(FIELD.findall(message.id)), message.string


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_is_none_of_english(language: str) -> None:
    alike = {
        message.id
        for message in list_entries(language)
        if message.id == message.string and re.search(r"[a-z]{3}", FIELD.sub("", message.id))
    }
    assert alike <= SAME


@pytest.mark.parametrize("language", ["ru", "zh"])
def test_a_translation_is_written_in_its_own_script(language: str) -> None:
    script = {"ru": r"[а-яё]", "zh": r"[\u4e00-\u9fff]"}[language]
    for message in list_entries(language):
        for said in message.string if message.pluralizable else (message.string,):
            if re.search(r"[A-Za-z]{2}", FIELD.sub("", said)) or re.search(
                r"[a-z]{2}", FIELD.sub("", str(message.id))
            ):
                assert re.search(script, said) or message.id in SAME, said


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", ["1 row", "2 rows", "5 rows", "21 rows", "111 rows"]),
        ("de", ["1 Zeile", "2 Zeilen", "5 Zeilen", "21 Zeilen", "111 Zeilen"]),
        ("ru", ["1 строка", "2 строки", "5 строк", "21 строка", "111 строк"]),
        ("zh", ["1 行", "2 行", "5 行", "21 行", "111 行"]),
    ],
)
def test_a_count_takes_the_form_its_language_has(language: str, expected: list[str]) -> None:
    words = load_words(language)
    assert [words.ngettext("{count} row", "{count} rows", n) for n in (1, 2, 5, 21, 111)] == expected


def test_a_region_writes_its_numbers_and_speaks_its_language() -> None:
    swiss = load_words("de-CH", currency="CHF")
    assert swiss.tag == "de-CH"
    assert swiss.gettext("Customers") == "Kunden"
    assert swiss.format_count(45120) == "45'120"
    assert load_words("en-US", currency="USD").format_money(12.5) == "$12.50"
    assert load_words("en-US").format_date("2026-11-16") == "November\xa016,\xa02026"


@pytest.mark.parametrize("language", ["fr", "", "xx-YY", "../de", "zh-Hant"])
def test_a_language_there_is_not_is_refused_with_those_there_are(language: str) -> None:
    with pytest.raises(ValueError, match="there is one in en, de, ru, zh"):
        find_locale(language)
    with pytest.raises(ValueError, match="there is no report in"):
        _ = make_data(language=language).words


@pytest.mark.parametrize("language", OTHERS)
def test_no_text_stands_twice(language: str) -> None:
    blocks = (FOLDER / f"{language}.po").read_text(encoding="utf-8").split("\n\n")
    texts = [message.id for block in blocks for message in read_po(StringIO(block)) if message.id]
    assert sorted(map(str, texts)) == sorted({str(text) for text in texts})
