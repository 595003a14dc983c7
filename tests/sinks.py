"""Servers on this machine that take what notifications send and keep it: a web server, a mail server, Slack's address.

with serve_http() as web:
    ...                      # something posts to web.url
    web.requests[0].json     # what arrived
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseServer, StreamRequestHandler, ThreadingTCPServer
from typing import Any, cast


@dataclass(frozen=True)
class Request:
    """What was posted where; `host` is the name the client asked for."""

    host: str
    path: str
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class WebSink:
    """Answers every POST with `status`, and keeps it."""

    port: int
    requests: list[Request]
    status: int = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True)
class Mail:
    """A mail as the server took it: the envelope, who had logged in, whether the line was encrypted, the message."""

    sender: str
    recipients: tuple[str, ...]
    login: str | None
    encrypted: bool
    message: EmailMessage


@dataclass
class MailSink:
    port: int
    mails: list[Mail] = field(default_factory=list)


@contextmanager
def serve_http(*, tls: ssl.SSLContext | None = None) -> Iterator[WebSink]:
    """A web server; with `tls` also a proxy that plays every host it is asked to connect to."""
    sink = WebSink(0, [])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_CONNECT(self) -> None:
            assert tls is not None
            self.send_response(200)
            self.end_headers()
            self.connection = tls.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")
            self.wfile = cast(Any, self.connection.makefile("wb", buffering=0))
            self.close_connection = False

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sink.requests.append(Request(self.headers["Host"], self.path, body))
            self.send_response(sink.status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: Any) -> None:
            """Nothing on stderr."""

    with _serve(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as sink.port:
        yield sink


@contextmanager
def serve_smtp(*, tls: ssl.SSLContext | None = None, password: str | None = None) -> Iterator[MailSink]:
    """A mail server; with `tls` it offers STARTTLS, with a `password` it takes no mail without it."""
    server = _MailServer(tls, password)
    with _serve(server) as server.sink.port:
        yield server.sink


def issue_certificate(folder: Path, *hosts: str) -> tuple[ssl.SSLContext, Path]:
    """A server's side of TLS under a certificate for some hosts, and the file by which a client trusts it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sink")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    trusted, secret = folder / "trusted.pem", folder / "key.pem"
    trusted.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, secret)
    return context, trusted


@contextmanager
def _serve(server: BaseServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _MailServer(ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None, password: str | None) -> None:
        super().__init__(("127.0.0.1", 0), _MailHandler)
        self.tls, self.password, self.sink = tls, password, MailSink(0)


class _MailHandler(StreamRequestHandler):
    server: _MailServer

    def handle(self) -> None:
        self.login: str | None = None
        self.encrypted = False
        self._start()
        self._say("220 sink")
        while line := self.rfile.readline():  # the file changes with STARTTLS
            word, _, rest = line.decode().strip().partition(" ")
            if word.upper() == "QUIT":
                self._say("221 bye")
                return
            getattr(self, f"_{word.lower()}", self._refuse)(rest)

    def _start(self) -> None:
        self.sender = ""
        self.recipients: list[str] = []

    def _say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())

    def _refuse(self, _: str) -> None:
        self._say("502 not here")

    def _ehlo(self, _: str) -> None:
        offered = (["STARTTLS"] if self.server.tls and not self.encrypted else []) + ["AUTH PLAIN"]
        self._say("250-sink", *(f"250-{name}" for name in offered), "250 8BITMIME")

    def _starttls(self, _: str) -> None:
        tls = self.server.tls
        assert tls is not None
        self._say("220 go on")
        self.connection = tls.wrap_socket(self.connection, server_side=True)
        self.rfile = cast(Any, self.connection.makefile("rb"))
        self.wfile = cast(Any, self.connection.makefile("wb", buffering=0))
        self.encrypted = True

    def _auth(self, rest: str) -> None:
        _, user, given = base64.b64decode(rest.split()[1]).decode().split("\0")
        self.login = user if given == self.server.password else None
        self._say("235 welcome" if self.login else "535 username and password not accepted")

    def _mail(self, rest: str) -> None:
        self._start()
        self.sender = rest.split("<")[1].split(">")[0]
        self._say("250 ok" if self.server.password is None or self.login else "530 log in first")

    def _rcpt(self, rest: str) -> None:
        self.recipients.append(rest.split("<")[1].split(">")[0])
        self._say("250 ok")

    def _rset(self, _: str) -> None:
        self._say("250 ok")

    def _data(self, _: str) -> None:
        self._say("354 go on")
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        message = cast(EmailMessage, message_from_bytes(b"".join(lines), policy=policy.default))
        envelope = self.sender, tuple(self.recipients), self.login, self.encrypted
        self.server.sink.mails.append(Mail(*envelope, message))
        self._say("250 taken")
