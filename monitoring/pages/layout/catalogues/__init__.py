"""The texts of the report site in other languages, a `.po` file a language; English is the text of the program itself.

`babel.toml` says where texts are found. A new language is one more file; see docs/languages.md.
"""

from __future__ import annotations

from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO, StringIO
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

SOURCE = "en"
FOLDER = Path(__file__).parent
SCRIPTS = {"zh": "Hans"}  # `zh-CN` implies one; the texts are in that


def list_languages() -> tuple[str, ...]:
    """The languages there are texts in, English first."""
    return (SOURCE, *sorted(path.stem for path in FOLDER.glob("*.po")))


def find_locale(language: str) -> Locale:
    """The locale of a language, with its region where one is given: `de`, `de-CH`.

    Plain English is the one written everywhere: 16 November 2026.

    Raises:
        ValueError: there are no texts in that language, or it is none.
    """
    known = list_languages()
    try:
        locale = Locale.parse(language.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        locale = None
    if (
        locale is None
        or locale.script not in (None, SCRIPTS.get(locale.language))
        or locale.language not in known
    ):
        raise ValueError(
            f"there is no report in '{language}'; there is one in {', '.join(known)}, each also with a region, "
            "such as de-CH"
        )
    return Locale("en", "001") if str(locale) == SOURCE else locale


@cache
def load_catalogue(language: str) -> NullTranslations:
    """The texts in a language, with its plural forms; English as it stands."""
    if language == SOURCE:
        return NullTranslations()
    catalogue = read_po(StringIO((FOLDER / f"{language}.po").read_text(encoding="utf-8")), locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)
