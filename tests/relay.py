"""A relay in front of a server on this machine, which can be told to misbehave: what a network does to those it serves.

    with Relay(port_of_the_server) as relay:
        relay.order("gone")        # nobody listens, and every connection is cut
        relay.order("answer")      # all is well again

Orders come from any process, by `order(relay.control, words)`; they are carried out when that returns:
`answer`; `gone`; `silent` (takes requests and never answers); `slow SECONDS` (holds every piece of an answer back);
`error` (answers every request with HTTP 500); `cut BYTES` (after so many bytes of answers breaks one connection off,
and is well again).
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress
from types import TracebackType

_PIECE = 65_536
_ERROR = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
# Closed so, a connection is reset rather than ended in good order.
_AT_ONCE = struct.pack("ii", 1, 0)


def order(control: int | str, words: str) -> None:
    """Tell a relay by its control port how to behave; returns once it does."""
    with socket.create_connection(("127.0.0.1", int(control)), timeout=10) as line:
        line.sendall(words.encode() + b"\n")
        assert line.recv(16) == b"done"


class Relay:
    """Passes bytes on between clients and the server, as it has been ordered to.

    Attributes:
        port: where clients find it.
        control: where orders are taken.
    """

    def __init__(self, server: int) -> None:
        self._server = server
        self._behaviour, self._amount = "answer", 0.0
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = _listen(0)
        self._orders = _listen(0)
        self.port: int = self._listener.getsockname()[1]
        self.control: int = self._orders.getsockname()[1]

    def __enter__(self) -> Relay:
        threading.Thread(target=self._take_orders, daemon=True).start()
        self._serve(self._listener)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._orders.close()
        self._behave("gone")

    def order(self, words: str) -> None:
        order(self.control, words)

    def _take_orders(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._orders.accept()
                with line:
                    self._behave(line.makefile("r", encoding="utf-8").readline().strip())
                    line.sendall(b"done")

    def _behave(self, words: str) -> None:
        behaviour, _, amount = words.partition(" ")
        was_gone = self._behaviour == "gone"
        self._behaviour, self._amount = behaviour, float(amount or 0)
        if behaviour == "gone":
            # Waking the thread that accepts is what really frees the port.
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            with self._lock:
                for one in self._open:
                    _reset(one)
                self._open.clear()
        elif was_gone:
            self._listener = _listen(self.port)
            self._serve(self._listener)

    def _serve(self, listener: socket.socket) -> None:
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._server), timeout=10)
        except OSError:
            _reset(client)
            return
        server.settimeout(None)
        with self._lock:
            self._open |= {client, server}
        back = threading.Thread(target=self._pump, args=(server, client, self._answer), daemon=True)
        back.start()
        self._pump(client, server, self._ask)

    def _pump(self, source: socket.socket, target: socket.socket, pass_on: object) -> None:
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                pass_on(piece, source, target)  # type: ignore[operator]
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._open -= {source, target}

    def _ask(self, piece: bytes, client: socket.socket, server: socket.socket) -> None:
        if self._behaviour == "error":
            client.sendall(_ERROR)
            raise ConnectionResetError
        if self._behaviour != "silent":
            server.sendall(piece)

    def _answer(self, piece: bytes, server: socket.socket, client: socket.socket) -> None:
        if self._behaviour == "slow":
            time.sleep(self._amount)
        if self._behaviour == "cut":
            left = int(self._amount)
            self._amount -= len(piece)
            if left <= len(piece):
                self._behaviour = "answer"
                client.sendall(piece[:left])
                _reset(client)
                raise ConnectionResetError
        client.sendall(piece)


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(64)
    return listener


def _reset(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
