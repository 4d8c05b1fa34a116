"""A reverse proxy before a server, good or careless: what stands between the world and a node."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Final

CLIENT: Final = "203.0.113.9"
"""Where the clients of a good proxy come from, whoever they are: an address of nobody's (RFC 5737)."""

# What a good one sets, whatever the client says; it comes over plain HTTP in the tests.
GOOD: Final[Mapping[str, str]] = {"X-Forwarded-For": CLIENT, "X-Forwarded-Proto": "http"}
UPGRADE: Final = ("connection", "upgrade")


class ReverseProxy:
    """Passes requests without a body on to a port of this machine, one a connection.

    Args:
        port: of the server.
        sets: headers that it puts in the place of the client's.
        drops: names of headers, in lower case, that it does not pass on.
        loses: names of headers of the answer, in lower case, that do not come back.
        answers: what to answer a path with instead of asking the server.
        tls: the context to speak TLS with; its certificate has to be one of `localhost`.
    """

    def __init__(
        self,
        port: int,
        *,
        sets: Mapping[str, str] = GOOD,
        drops: tuple[str, ...] = (),
        loses: tuple[str, ...] = (),
        answers: Mapping[str, bytes] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._port = port
        self._sets = sets
        self._drops = {*drops, *(name.lower() for name in sets)}
        self._loses = loses
        self._answers = dict(answers or {})
        self.asked: list[str] = []  # the heads of the requests as they came
        self._tls = tls
        self._server = _Server(self._serve)
        port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{port}" if tls is None else f"https://localhost:{port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, client: socket.socket) -> None:
        if self._tls is None:
            self._pass_on(client)
            return
        try:
            with self._tls.wrap_socket(client, server_side=True) as secured:
                self._pass_on(secured)
        except ssl.SSLError:  # the client does not trust the certificate
            pass

    def _pass_on(self, client: socket.socket) -> None:
        self.asked.append(_head(client))
        line, *headers = self.asked[-1].split("\r\n")
        path = line.split(" ")[1]
        if path in self._answers:
            client.sendall(self._answers[path])
            return
        passed = [one for one in headers if one and one.partition(":")[0].lower() not in self._drops]
        passed += [f"{name}: {value}" for name, value in self._sets.items()]
        if not any(one.lower().startswith("upgrade:") for one in passed):
            passed.append("Connection: close")
        with closing(socket.create_connection(("127.0.0.1", self._port))) as server:
            server.sendall("\r\n".join([line, *passed, "", ""]).encode("latin-1"))
            client.sendall(self._answer(server))

    def _answer(self, server: socket.socket) -> bytes:
        answer = b""
        while chunk := server.recv(65_536):
            answer += chunk
        head, _, body = answer.partition(b"\r\n\r\n")
        line, *headers = head.decode("latin-1").split("\r\n")
        kept = [one for one in headers if one.partition(":")[0].lower() not in self._loses]
        return "\r\n".join([line, *kept, "Connection: close", "", ""]).encode("latin-1") + body


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                serve(self.request)

        super().__init__(("127.0.0.1", 0), Handler)


def _head(client: socket.socket) -> str:
    head = b""
    while not head.endswith(b"\r\n\r\n") and (chunk := client.recv(65_536)):
        head += chunk
    return head.decode("latin-1")
