# SPDX-License-Identifier: GPL-2.0-or-later
"""The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677) as a test wants it, and a connection that can be bound to
(RFC 9266): Python's own ssl exports nothing before 3.13."""

import asyncio
import base64
import hashlib
import hmac
import re

from OpenSSL import SSL

from server import Wire

SCRAM, PLUS = "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"


def encode(data):
    return base64.b64encode(data).decode()


class Scram:
    """One exchange. `flag`: what the client says of binding (n, y, p=TYPE), `binding`: what it binds to."""

    def __init__(self, name, password, flag="n", binding=b"", authorization=""):
        self.password = password.encode()
        self.header = f"{flag},{f'a={authorization}' if authorization else ''},"
        self.binding = binding
        self.bare = f"n={name.replace('=', '=3D').replace(',', '=2C')},r=abcdefghijkl"

    @property
    def first(self):
        return (self.header + self.bare).encode()

    def final(self, challenge):
        """The answer to a challenge; `server` is what the server has to say behind it."""
        server_first = challenge.decode()
        values = dict(part.split("=", 1) for part in server_first.split(","))
        self.iterations = int(values["i"])
        salted = hashlib.pbkdf2_hmac("sha256", self.password, base64.b64decode(values["s"]), self.iterations)
        client = hmac.digest(salted, b"Client Key", "sha256")
        without = f"c={encode(self.header.encode() + self.binding)},r={values['r']}"
        message = f"{self.bare},{server_first},{without}".encode()
        signature = hmac.digest(hashlib.sha256(client).digest(), message, "sha256")
        self.server = "v=" + encode(hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256"))
        return f"{without},p={encode(bytes(a ^ b for a, b in zip(client, signature)))}".encode()


class BoundWire(Wire):
    """TLS 1.3 from the first byte on, by OpenSSL itself."""

    async def connect(self, context=None):
        settings = SSL.Context(SSL.TLS_METHOD)
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._connection = SSL.Connection(settings, None)
        self._connection.set_connect_state()
        while not self._shake():
            self._connection.bio_write(await self.reader.read(65536))
        self.binding = self._connection.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")
        self._outside = self.reader
        self.reader = asyncio.StreamReader(limit=1 << 24)
        self._pump = asyncio.create_task(self._decrypt())
        self._listen()
        return self

    def _flush(self):
        try:
            while True:
                self.writer.write(self._connection.bio_read(65536))
        except SSL.WantReadError:
            pass

    def _shake(self):
        """False: the server has to say something."""
        try:
            self._connection.do_handshake()
            return True
        except SSL.WantReadError:
            return False
        finally:
            self._flush()

    async def _decrypt(self):
        while data := await self._outside.read(65536):
            self._connection.bio_write(data)
            try:
                while plain := self._connection.recv(65536):
                    self.reader.feed_data(plain)
            except SSL.WantReadError:
                pass
            except SSL.Error:
                break
        self.reader.feed_eof()

    def send(self, xml):
        self._connection.sendall(xml if isinstance(xml, bytes) else xml.encode())
        self._flush()

    async def close(self):
        self._pump.cancel()
        await super().close()
