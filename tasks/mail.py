"""E-mail as a notification block of Prefect's own kind: Prefect brings none for a plain mail server."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Literal

from prefect.blocks.abstract import NotificationBlock
from pydantic import Field, SecretStr

TIMEOUT_S = 20


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file to go with a mail: the name it is seen under, its MIME type, what is in it."""

    name: str
    content_type: str
    content: bytes


class Email(NotificationBlock):
    """Sends messages as e-mail through a mail server (SMTP).

    `prefect block register --module tasks.mail` puts its form into Prefect's UI.
    """

    _block_type_name = "Email"
    _block_type_slug = "email"
    _description = "Sends messages as e-mail through a mail server."

    host: str = Field(description="The mail server.", examples=["smtp.example.org"])
    port: int = Field(default=587, gt=0, lt=65536)
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="starttls (port 587), tls from the first byte (port 465), or none."
    )
    username: str | None = Field(default=None, description="None: the server takes mail without a login.")
    password: SecretStr | None = Field(default=None, description="In ASCII, as mail servers want it.")
    sender: str = Field(examples=["segmentwerk@example.org"])
    recipients: list[str] = Field(min_length=1, examples=[["marketing@example.org"]])

    def notify(self, body: str, subject: str | None = None) -> None:  # type: ignore[override]
        """Send one mail to all recipients.

        Raises:
            OSError: the server cannot be reached, refuses, or shows no valid certificate.
        """
        self._send(self._write(body, subject))

    def send_letter(
        self, body: str, *, subject: str, html: str, attachments: Sequence[Attachment] = ()
    ) -> None:
        """Send one mail that mail programs show as HTML, with files beside it; `body` is the same as plain text.

        Raises:
            OSError: as for `notify`.
        """
        message = self._write(body, subject)
        message.add_alternative(html, subtype="html")
        for one in attachments:
            kind, _, subtype = one.content_type.partition("/")
            message.add_attachment(one.content, maintype=kind, subtype=subtype, filename=one.name)
        self._send(message)

    def _write(self, body: str, subject: str | None) -> EmailMessage:
        message = EmailMessage()
        message["From"], message["To"] = self.sender, ", ".join(self.recipients)
        message["Subject"] = subject or "Segmentwerk"
        message["Date"], message["Message-ID"] = formatdate(localtime=True), make_msgid("segmentwerk")
        message.set_content(body)
        return message

    def _send(self, message: EmailMessage) -> None:
        with self._connect() as server:
            if self.username is not None:
                server.login(self.username, self.password.get_secret_value() if self.password else "")
            refused = server.send_message(message)
        if refused:
            raise OSError(f"the mail server refused {len(refused)} of {len(self.recipients)} recipients")

    def _connect(self) -> smtplib.SMTP:
        if self.security == "tls":
            trust = ssl.create_default_context()
            return smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT_S, context=trust)
        server = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_S)
        if self.security == "starttls":
            try:
                server.starttls(context=ssl.create_default_context())
            except BaseException:
                server.close()
                raise
        return server
