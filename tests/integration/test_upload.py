# SPDX-License-Identifier: GPL-2.0-or-later
"""Files from the network reach the user's clients over the upload service of his server (XEP-0363), or else over the
directory that the administrator has given."""

import hashlib
import urllib.request

import pytest

from gateway import FILES
from stanzas import message

GW = "gw.localhost"
PHOTOS = f"photos@{GW}"
OOB = "jabber:x:oob"
FILE = "urn:xmpp:file:metadata:0"


@pytest.fixture(params=["upload_prosody", "upload_ejabberd"])
def service(request):
    """A server with an upload service that takes 100000 bytes."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def start(gateways, people):
    async def begin(host, **settings):
        await gateways(host, FILES, **settings)
        user = await people(host=host)
        await user.login(GW)
        return user
    return begin


async def link(user):
    got = await user.expect(message(PHOTOS, where=lambda s: s.child("x", OOB) is not None))
    url = got.child("x", OOB).findtext(f"{{{OOB}}}url")
    assert got.body == url
    return got, url


async def test_a_file_lies_on_the_users_server(start, service):
    user = await start(service)
    for bytes in (70000, 1):
        user.send_message(PHOTOS, f"FILE cat.png image/png {bytes}")
        got, url = await link(user)
        with urllib.request.urlopen(url) as answer:
            assert answer.read() == b"x" * bytes and answer.headers["Content-Type"] == "image/png"
        file = got.xml.find(f".//{{{FILE}}}file")
        assert file.findtext(f"{{{FILE}}}name") == "cat.png" and file.findtext(f"{{{FILE}}}size") == str(bytes)


async def test_a_file_that_is_too_large_for_the_service(start, service):
    user = await start(service)
    user.send_message(PHOTOS, "FILE film.mp4 video/mp4 100001")
    got = await user.expect(message(PHOTOS))
    assert got.body.startswith("no file: ") and "100000 bytes" in got.body


async def test_without_a_service_the_reason_is_told(start, prosody):
    user = await start(prosody)
    user.send_message(PHOTOS, "FILE cat.png image/png 10")
    assert (await user.expect(message(PHOTOS))).body == "no file: Your server has no upload service."


async def test_without_a_service_the_directory_is_used(start, prosody, directories):
    directory = directories("web")
    user = await start(prosody, **{"service.web_directory": directory, "service.web_url": "https://files.example/x"})
    name = hashlib.sha256(b"x" * 10).hexdigest()
    for given, type, end in (("../../cat.png", "image/png", ".png"), ("run.php", "text/html", ".bin")):
        user.send_message(PHOTOS, f"FILE {given} {type} 10")
        _, url = await link(user)
        assert url == f"https://files.example/x/{name}{end}"
        assert (directory / f"{name}{end}").read_bytes() == b"x" * 10
