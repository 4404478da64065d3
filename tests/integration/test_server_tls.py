# SPDX-License-Identifier: GPL-2.0-or-later
"""What sslscan finds out about the TLS of server mode: on STARTTLS, on direct TLS and on the port of WebSockets."""

import asyncio
import socket
import struct
import subprocess
import xml.etree.ElementTree as ET

import pytest

from processes import LIMIT, free_port
from server import make_certificate

pytestmark = pytest.mark.asyncio
DOMAIN = "localhost"  # the name by which sslscan connects is the one that it asks for in the stream
FORWARD_SECRECY = ("ECDHE-", "TLS_AES_", "TLS_CHACHA20_")
AEAD = ("GCM", "CHACHA20", "_CCM_")


def scan(port, *options):
    done = subprocess.run(["sslscan", "--xml=-", "--ipv4", *options, f"{DOMAIN}:{port}"], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=6 * LIMIT)
    assert done.returncode == 0, done.stderr
    found = ET.fromstring(done.stdout).find("ssltest")
    assert found is not None, done.stdout
    return found


def compression_chosen(port):
    """The server's answer to a client of TLS 1.2 that would like to compress: Debian's sslscan can't ask for it."""
    suites = b"\xc0\x2b\xc0\x2f\xc0\x2c\xc0\x30"  # ECDHE with AES-GCM
    extensions = (b"\x00\x0a\x00\x04\x00\x02\x00\x17" + b"\x00\x0b\x00\x02\x01\x00"  # P-256, uncompressed points
                  + b"\x00\x0d\x00\x06\x00\x04\x04\x03\x08\x04")  # ECDSA and RSA-PSS with SHA-256
    hello = (b"\x03\x03" + bytes(32) + b"\x00" + struct.pack(">H", len(suites)) + suites + b"\x02\x01\x00"
             + struct.pack(">H", len(extensions)) + extensions)
    with socket.create_connection(("127.0.0.1", port), LIMIT) as link:
        link.sendall(b"\x16\x03\x01" + struct.pack(">H", len(hello) + 4) + b"\x01\x00" + struct.pack(">H", len(hello)) + hello)
        answer = b""
        while len(answer) < 5 + 4 + 2 + 32 + 1 + 32 + 2 + 1:
            piece = link.recv(4096)
            assert piece, answer
            answer += piece
    assert answer[0] == 0x16 and answer[5] == 2, answer  # a handshake, ServerHello
    session = answer[5 + 4 + 2 + 32]
    return answer[5 + 4 + 2 + 32 + 1 + session + 2]


@pytest.fixture
def tls_ports(servers, directories):
    async def start():
        direct, web = free_port(), free_port()
        server = await servers(jid=DOMAIN, service__direct_tls_port=direct, service__websocket_port=web,
                               service__websocket_tls="on", service__cert=make_certificate(directories("cert"), DOMAIN))
        return {"STARTTLS": (server.port, "--starttls-xmpp"), "direct": (direct,), "web": (web,)}
    return start


@pytest.mark.parametrize("way", ["STARTTLS", "direct", "web"])
async def test_what_sslscan_finds(tls_ports, way):
    port, *options = (await tls_ports())[way]
    found = await asyncio.to_thread(scan, port, *options)
    enabled = {(p.get("type"), p.get("version")) for p in found.iter("protocol") if p.get("enabled") == "1"}
    assert enabled == {("tls", "1.2"), ("tls", "1.3")}
    ciphers = [(c.get("sslversion"), c.get("cipher")) for c in found.iter("cipher")]
    assert {version for version, _ in ciphers} == {"TLSv1.2", "TLSv1.3"}
    for version, name in ciphers:
        assert name.startswith(FORWARD_SECRECY) and any(mode in name for mode in AEAD), (version, name)
    assert found.find("renegotiation").get("supported") == "0"
    assert all(h.get("vulnerable") == "0" for h in found.iter("heartbleed"))
    groups = {g.get("name") for g in found.iter("group")}
    assert "x25519" in {name.lower() for name in groups} and not any("ffdhe" in name.lower() for name in groups), groups
    if way != "STARTTLS":
        assert await asyncio.to_thread(compression_chosen, port) == 0
    subject = found.find(".//certificate/subject")
    assert subject is not None and DOMAIN in subject.text
