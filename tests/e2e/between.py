# SPDX-License-Identifier: Apache-2.0
"""What stands between a client and a server, or between Weir and a provider."""

from __future__ import annotations

import base64
import contextlib
import select
import socket
import threading
from typing import Self

LOGIN = "Basic " + base64.b64encode(b"ann:se@ret").decode()


class Between:
    """Stands between clients and `target`, a port; a thread serves each connection."""

    def __init__(self, target: int):
        self.target = target
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.socket.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        raise NotImplementedError


class Proxy(Between):
    """An HTTP proxy with a password: whatever host is asked for, it leads to `target`."""

    def __init__(self, target: int):
        super().__init__(target)
        self.heads: list[str] = []
        self.address = f"127.0.0.1:{self.port}"

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            data = b""
            while b"\r\n\r\n" not in data:
                piece = client.recv(65536)
                if not piece:
                    return
                data += piece
            head, _, rest = data.partition(b"\r\n\r\n")
            text = head.decode()
            self.heads.append(text)
            if f"proxy-authorization: {LOGIN}".lower() not in text.lower():
                client.sendall(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", self.target)) as upstream:
                if text.startswith("CONNECT "):
                    client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                else:
                    upstream.sendall(self._in_origin_form(text) + b"\r\n\r\n" + rest)
                self._shovel(client, upstream)

    @staticmethod
    def _in_origin_form(text: str) -> bytes:
        line, *fields = text.split("\r\n")
        method, url, version = line.split(" ")
        path = "/" + url.removeprefix("http://").partition("/")[2]
        kept = [field for field in fields if not field.lower().startswith("proxy-")]
        return "\r\n".join([f"{method} {path} {version}", *kept]).encode()

    @staticmethod
    def _shovel(one: socket.socket, other: socket.socket) -> None:
        while True:
            for ready in select.select([one, other], [], [])[0]:
                data = ready.recv(65536)
                if not data:
                    return
                (other if ready is one else one).sendall(data)
