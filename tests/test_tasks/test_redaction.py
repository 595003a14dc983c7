"""What is known to be secret, or stands where a password does, leaves every log record and every error."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

import tasks.redaction
from tasks.redaction import describe_error, keep_environment, keep_secret, redact, write_traceback

PASSWORD = "open+sesame/42"
CONNECTION = (
    "postgresql://keeper:open+sesame%2F42@db.example:5432/shop?sslpassword=key-of-the-key&dbname=shop"
)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Nothing is known to be secret before the test, nor because of it after."""
    known, factory = set(tasks.redaction._kept), logging.getLogRecordFactory()
    tasks.redaction._kept.clear()
    tasks.redaction._compile.cache_clear()
    yield
    tasks.redaction._kept.clear()
    tasks.redaction._kept.update(known)
    tasks.redaction._compile.cache_clear()
    logging.setLogRecordFactory(factory)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What a logger of a library writes."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    logger = logging.getLogger("some.library")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield out
    logger.removeHandler(handler)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("postgresql://me:p@ss/w@db/shop is down", "postgresql://***@db/shop is down"),
        ("'http://me:pw@host:5000/api?x=1'", "'http://***@host:5000/api?x=1'"),
        ("host=db user=me password=hush dbname=shop", "host=db user=me password=*** dbname=shop"),
        ("https://h/p?a=1&access_token=hush&b=2", "https://h/p?a=1&access_token=***&b=2"),
        ("x?X-Amz-Signature=hush", "x?X-Amz-Signature=***"),
        ("nothing to hide: http://db.example/a?b=c, ada@shop.example", None),
        ("token: none; passwords = 3; tokens=5", None),
    ],
)
def test_what_stands_where_a_password_does_goes(text: str, told: str | None) -> None:
    assert redact(text) == (told or text)


def test_a_secret_goes_in_every_form_it_may_be_repeated_in() -> None:
    keep_secret(CONNECTION)
    for form in (CONNECTION, PASSWORD, "open+sesame%2F42", "open%2Bsesame%2F42", "key-of-the-key"):
        assert redact(f"a '{form}', b") == "a '***', b"
    assert redact("the shop at db.example:5432") == "the shop at db.example:5432"


def test_what_is_short_or_a_part_of_a_word_stays() -> None:
    keep_secret("abc", "shop")
    assert redact("abc of shops, workshop; the shop") == "abc of shops, workshop; the ***"


def test_the_environment_s_secrets_are_known_by_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = ("AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_PASSWORD", "SMTP_PASSWORD", "SLACK_WEBHOOK",
              "SEGMENTWERK_PSEUDONYM_KEY", "PREFECT_API_AUTH_STRING", "databricks_token")  # fmt: skip
    for name in secret:
        monkeypatch.setenv(name, f"value-of-{name}")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    monkeypatch.setenv("SHOP_FOLDER", "/srv/shop")
    keep_environment()
    assert {redact(f"value-of-{name}") for name in secret} == {"***"}
    assert redact("false in /srv/shop") == "false in /srv/shop"


def test_whoever_logs_no_secret_gets_through(log: io.StringIO) -> None:
    keep_secret(PASSWORD)
    logger = logging.getLogger("some.library")
    logger.warning("as an argument: %s, in a dict: %s", PASSWORD, {"password": PASSWORD})
    logger.error(f"in the text itself: {PASSWORD}")
    logger.debug("an address nobody named: %s", "amqp://me:other@host/")
    logger.info("%s", ValueError(PASSWORD))
    written = log.getvalue()
    assert written.count("***") == 5
    assert PASSWORD not in written
    assert "other" not in written


def test_a_traceback_in_a_log_has_no_secret_in_any_of_its_causes(log: io.StringIO) -> None:
    keep_secret(PASSWORD)
    try:
        try:
            raise OSError(f"cannot log in with {PASSWORD}")
        except OSError as error:
            raise RuntimeError("postgresql://me:pw@db/x does not answer") from error
    except RuntimeError as error:
        logging.getLogger("some.library").exception("it failed")
        told = write_traceback(error)
    for text in (log.getvalue(), told):
        assert "cannot log in with ***" in text
        assert "postgresql://***@db/x does not answer" in text
        assert "Traceback (most recent call last)" in text
        assert PASSWORD not in text
        assert "me:pw" not in text


def test_an_error_for_people_is_one_line_without_addresses() -> None:
    keep_secret(PASSWORD)
    error = OSError(f"no\nway: {PASSWORD} at https://me:x@h/y, ask ada@shop.example")
    assert describe_error(error) == "no way: *** at <address> ask <e-mail>"
    assert describe_error(ValueError()) == "ValueError"
