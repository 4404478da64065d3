# SPDX-License-Identifier: GPL-2.0-or-later
"""The backend kit as a main process meets it: a scripted one drives the echo backend, as a process that it made a
socket for (with extensions) and as one that dials its port (an old main process)."""

import os
import random
import signal
import socket
import subprocess

import pytest

from gateway import ECHO, sanitizers
from processes import LIMIT, MARK, Process, wait_for
from wire import CONDITIONS, Line, frame

USER = "romeo@example.org"


class Backend(Process):
    def __init__(self, directory, extended, *arguments, **environment):
        super().__init__(directory, "backend")
        self.extended = extended
        variables = {k: v for k, v in os.environ.items() if k not in (MARK, "ECHO_BUDDIES")}
        variables.update(sanitizers(directory), **environment)
        variables[MARK] = str(directory)
        log = open(self.log_path, "ab")
        options = {"cwd": directory, "stdout": log, "stderr": log, "stdin": subprocess.DEVNULL}
        if extended:
            ours, theirs = socket.socketpair()
            variables.update(SPECTRUM2_FD=str(theirs.fileno()), SPECTRUM2_EXTENSIONS="1")
            self.child = subprocess.Popen([ECHO, "--service.backend_id=1", *arguments], env=variables,
                                          pass_fds=[theirs.fileno()], **options)
            theirs.close()
        else:
            with socket.create_server(("127.0.0.1", 0)) as listener:
                port = listener.getsockname()[1]
                self.child = subprocess.Popen([ECHO, "--host", "127.0.0.1", "--port", str(port),
                                               "--service.backend_id=1", *arguments], env=variables, **options)
                listener.settimeout(LIMIT)
                ours, _ = listener.accept()
        log.close()
        self.line = Line(ours)

    def config(self):
        """What it announced, {section.key: value}."""
        section, found = "", {}
        for text in self.line.expect("BACKEND_CONFIG")["config"].splitlines():
            if text.startswith("["):
                section = text.strip("[]")
            elif text:
                key, value = text.split("=", 1)
                found[f"{section}.{key.strip()}"] = value.strip()
        return found

    def ready(self):
        self.config()
        return self

    def login(self, user=USER, **fields):
        self.line.send("LOGIN", user=user, legacyName="romeo", password="secret", **fields)
        self.line.expect("CONNECTED", user=user)
        self.line.expect("BUDDY_CHANGED", userName=user, buddyName="echo", alias="Echo")
        return self

    def result(self, id, condition, **fields):
        """The result of a message, from a backend that knows results."""
        if self.extended:
            self.line.expect("MESSAGE_RESULT", id=id, condition=CONDITIONS.index(condition), **fields)

    def silent(self):
        """Nothing is left to read: the answer to a PING is the next frame."""
        self.line.send("PING")
        got = self.line.receive()
        if got and got.type == "PONG":
            return
        raise AssertionError(f"{got} came")

    def warm(self):
        """Takes the first PING, the only one that is followed by STATS for a while."""
        self.line.send("PING")
        self.line.expect("PONG")
        self.line.expect("STATS")
        return self

    def ended(self):
        self.line.close()
        return self.child.wait(LIMIT)


@pytest.fixture(params=[True, False], ids=["own", "dialled"])
def start(request, directories):
    started = []

    def one(*arguments, **environment):
        started.append(Backend(directories("kit"), request.param, *arguments, **environment))
        return started[-1]
    yield one
    for backend in started:
        backend.line.close()
        backend.end()
        assert not list(backend.directory.glob("report.*")), backend.log()


def test_abilities_come_first(start):
    backend = start()
    config = backend.config()
    assert config["features.muc"] == "1"
    assert config["features.receipts"] == "1"
    assert config["features.disable_jid_escaping"] == "0"
    assert config["registration.needPassword"] == "1"
    assert config["registration.needRegistration"] == "1"
    assert config.get("features.extensions") == ("1" if backend.extended else None)


def test_nobody_registers_where_the_main_process_is_the_server(start, tmp_path):
    """Spectrum 2 refuses log-ins in server mode unless it hears so."""
    path = tmp_path / "spectrum2.cfg"
    path.write_text("[service]\njid = chat.localhost\nserver_mode = 1\n")
    assert start(str(path)).config()["registration.needRegistration"] == "0"


def test_ping_is_answered_and_memory_is_told_now_and_then(start):
    backend = start().ready()
    backend.line.send("PING")
    backend.line.expect("PONG")
    stats = backend.line.expect("STATS", id=str(backend.pid))
    assert stats["res"] >= stats["init_res"] > 0 and stats["shared"] > 0
    backend.silent()
    backend.silent()


def test_login_echo_logout(start):
    backend = start().ready().warm().login(settings={"value": [{"key": "a", "value": "b"}]})
    backend.line.send("CONV_MESSAGE", userName=USER, buddyName="anyone", message="wherefore", xhtml="<b>w</b>", id="m1",
                      wantReceipt=False)
    backend.line.expect("CONV_MESSAGE", userName=USER, buddyName="anyone", message="wherefore", xhtml="<b>w</b>")
    backend.result("m1", "done", user=USER, peer="anyone")
    backend.line.send("LOGOUT", user=USER, legacyName="romeo")
    backend.line.send("LOGOUT", user=USER, legacyName="romeo")
    backend.silent()


def test_contacts_by_number(start):
    backend = start(ECHO_BUDDIES="3").ready()
    backend.line.send("LOGIN", user=USER, legacyName="romeo", password="")
    backend.line.expect("CONNECTED", user=USER)
    for i in range(3):
        backend.line.expect("BUDDY_CHANGED", buddyName=f"b{i}", alias="Buddy", group=["Friends"], status=0)


def test_rooms(start):
    backend = start().ready().warm().login()
    backend.line.send("JOIN_ROOM", userName=USER, room="#verona", nickname="romeo", password="")
    backend.line.expect("PARTICIPANT_CHANGED", userName=USER, room="#verona", nickname="echo", flag=0, status=0)
    backend.line.expect("PARTICIPANT_CHANGED", room="#verona", nickname="romeo", flag=16)
    backend.line.expect("ROOM_SUBJECT_CHANGED", buddyName="#verona", nickname="echo", message="Say something")
    backend.line.send("CONV_MESSAGE", userName=USER, buddyName="#verona", message="hi", id="m1", wantReceipt=False)
    backend.line.expect("CONV_MESSAGE", buddyName="#verona", nickname="romeo", message="hi", pm=None)
    backend.result("m1", "done", peer="#verona")
    backend.line.send("ROOM_SUBJECT_CHANGED", userName=USER, buddyName="#verona", message="night", id="m2")
    backend.line.expect("ROOM_SUBJECT_CHANGED", buddyName="#verona", message="night")
    backend.result("m2", "done")
    backend.line.send("LEAVE_ROOM", userName=USER, room="#verona", nickname="", password="")
    backend.silent()


def test_private_message_in_a_room(start):
    backend = start().ready().warm().login()
    backend.line.send("CONV_MESSAGE", userName=USER, buddyName="#verona", nickname="echo", pm=True, message="psst",
                      id="m1", wantReceipt=False, timeMs=1763805600001)
    got = backend.line.expect("CONV_MESSAGE", buddyName="#verona", nickname="echo", pm=1, message="psst",
                              timestamp="20251122T100000")
    assert got.get("timeMs") == (1763805600001 if backend.extended else None)
    backend.result("m1", "done", peer="#verona")


def test_users_who_are_not_there(start):
    backend = start().ready().warm()
    backend.line.send("CONV_MESSAGE", userName=USER, buddyName="echo", message="hi", id="m1", wantReceipt=False)
    backend.result("m1", "recipient-unavailable", user=USER, peer="echo")
    backend.line.send("ATTENTION", userName=USER, buddyName="echo", message="", id="m2")
    backend.result("m2", "recipient-unavailable")
    for name in ("BUDDY_CHANGED", "BUDDY_REMOVED", "BUDDY_TYPING"):
        backend.line.send(name, userName=USER, buddyName="echo")
    backend.line.send("STATUS_CHANGED", userName=USER, status=1)
    backend.line.send("JOIN_ROOM", userName=USER, room="#a", nickname="b")
    backend.line.send("VCARD", userName=USER, buddyName="echo", id=1)
    backend.silent()


def test_what_a_backend_lacks_is_answered(start):
    backend = start().ready().warm().login()
    backend.line.send("VCARD", userName=USER, buddyName="echo", id=7)
    card = backend.line.expect("VCARD", userName=USER, buddyName="echo", id=7)
    assert "photo" not in card
    backend.line.send("ATTENTION", userName=USER, buddyName="echo", message="hey", id="m1")
    backend.result("m1", "feature-not-implemented", peer="echo")
    if not backend.extended:
        told = backend.line.expect("CONV_MESSAGE", userName=USER, buddyName="echo")["message"]
        assert "not delivered" in told
    backend.line.send("VCARD", userName=USER, buddyName="", id=0, nickname="r", photo=b"x")
    backend.line.send("BUDDY_CHANGED", userName=USER, buddyName="echo", blocked=True)
    if backend.extended:
        backend.line.expect("BLOCK_RESULT", buddy="echo", condition=CONDITIONS.index("feature-not-implemented"))
    backend.silent()


def test_receipts(start):
    """Towards an old main process the id asks for one."""
    backend = start().ready().warm().login()
    more = {"wantReceipt": True} if backend.extended else {}
    backend.line.send("CONV_MESSAGE", userName=USER, buddyName="echo", message="there?", id="m1", **more)
    backend.line.expect("CONV_MESSAGE_ACK", userName=USER, buddyName="echo", id="m1")
    backend.line.expect("CONV_MESSAGE", message="there?")
    backend.result("m1", "done")


def test_second_login_replaces_the_first(start):
    backend = start().ready().warm().login()
    backend.line.send("JOIN_ROOM", userName=USER, room="#verona", nickname="romeo")
    for name in ("PARTICIPANT_CHANGED", "PARTICIPANT_CHANGED", "ROOM_SUBJECT_CHANGED"):
        backend.line.expect(name)
    backend.login()
    backend.line.send("CONV_MESSAGE", userName=USER, buddyName="echo", message="hi", id="m1", wantReceipt=False)
    backend.line.expect("CONV_MESSAGE", message="hi")
    backend.result("m1", "done")
    backend.silent()


def test_text_is_cleaned(start):
    backend = start().ready().warm().login()
    message = b"\x0a\x11" + USER.encode() + b"\x12\x04echo" + b"\x1a\x05a\xff\x00bc"
    backend.line.send("CONV_MESSAGE", raw=message)
    backend.line.expect("CONV_MESSAGE", message="a\ufffd")
    message = b"\x0a\x11" + USER.encode() + b"\x12\x04echo" + b"\x1a\x03a\x01b"
    backend.line.send("CONV_MESSAGE", raw=message)
    backend.line.expect("CONV_MESSAGE", message="ab")


def test_frames_one_byte_at_a_time(start):
    backend = start().ready().warm()
    data = (frame("LOGIN", user=USER, legacyName="romeo", password="") +
            frame("CONV_MESSAGE", userName=USER, buddyName="echo", message="x" * 100, id="m1", wantReceipt=False))
    for i in range(len(data)):
        backend.line.send_bytes(data[i:i + 1])
    backend.line.expect("CONNECTED")
    backend.line.expect("BUDDY_CHANGED")
    backend.line.expect("CONV_MESSAGE", message="x" * 100)
    backend.result("m1", "done")


def test_large_message(start):
    backend = start().ready().warm().login()
    text = "0123456789abcdef" * (1 << 16)
    backend.line.send("CONV_MESSAGE", userName=USER, buddyName="echo", message=text, id="m1", wantReceipt=False)
    assert backend.line.expect("CONV_MESSAGE")["message"] == text
    backend.result("m1", "done")


def test_bad_frames_are_passed_over(start):
    backend = start().ready().warm().login()
    for bad in (b"\0\0\0\0",                               # empty
                b"\0\0\0\2\x08\x05", b"\0\0\0\2\x08\x25",     # no such types
                b"\0\0\0\4\xff\xff\xff\xff",                # no protobuf
                b"\0\0\0\2\x08\x08",                        # message without its fields
                frame("CONV_MESSAGE", raw=b"\x0a\x01a"),
                frame("FT_START", raw=b""), frame("API_VERSION", version=1), frame("RAW_XML", raw=b"<a"),
                frame("BUDDIES", buddy=[]), frame("CONNECTED", user=USER), frame("PONG"),
                frame("QUERY", config="status")):
        backend.line.send_bytes(bad)
    backend.silent()


def test_a_frame_that_is_too_long_ends_it(start):
    backend = start().ready()
    backend.line.send_bytes(b"GET / HTTP/1.1\r\n")
    assert backend.line.receive() is None
    assert backend.ended() == 1
    assert "garbage" in backend.log()


def test_noise_does_not_harm(start):
    chance = random.Random(4711)
    backend = start().ready().warm().login()
    known = [frame("LOGIN", user=USER, legacyName="r", password="p"), frame("LOGOUT", user=USER, legacyName="r"),
             frame("JOIN_ROOM", userName=USER, room="#a", nickname="b"),
             frame("CONV_MESSAGE", userName=USER, buddyName="#a", message="m", id="1", wantReceipt=False),
             frame("VCARD", userName=USER, buddyName="e", id=1), frame("PING")]
    backend.line.sock.settimeout(0)
    for _ in range(3000):
        data = bytearray(chance.choice(known))
        for _ in range(chance.randrange(3)):
            data[chance.randrange(4, len(data))] = chance.randrange(256)
        if data[5] == 29:  # EXIT
            continue
        backend.line.sock.settimeout(LIMIT)
        backend.line.send_bytes(bytes(data))
        backend.line.sock.settimeout(0)
        try:
            while backend.line.sock.recv(65536):
                pass
        except BlockingIOError:
            pass
    assert backend.running()


@pytest.mark.parametrize("how", ["EXIT", "close", "SIGTERM"])
def test_the_end(start, how):
    backend = start().ready().login()
    if how == "EXIT":
        backend.line.send("EXIT")
        backend.line.send("CONV_MESSAGE", userName=USER, buddyName="echo", message="late", id="m1", wantReceipt=False)
        assert backend.line.receive() is None
    elif how == "close":
        backend.line.close()
    else:
        backend.send_signal(signal.SIGINT)
        backend.warm()  # Ctrl-C in a terminal is not for it
        backend.send_signal(signal.SIGTERM)
        assert backend.line.receive() is None
    assert backend.ended() == 0


def test_limits_of_the_process(start):
    backend = start().ready().warm()
    status = open(f"/proc/{backend.pid}/status").read()
    assert "NoNewPrivs:\t1" in status
    for line in open(f"/proc/{backend.pid}/limits"):
        if line.startswith("Max open files"):
            soft, hard = line.split()[3:5]
            assert soft == hard


def test_memory_returns_after_many_logins(start):
    backend = start(ASAN_OPTIONS="quarantine_size_mb=1:exitcode=99").ready().warm()

    def cycle(times):
        for i in range(times):
            user = f"user{i}@example.org"
            backend.line.send_bytes(frame("LOGIN", user=user, legacyName="n", password="p") +
                                    frame("JOIN_ROOM", userName=user, room="#a", nickname="b") +
                                    frame("CONV_MESSAGE", userName=user, buddyName="#a", message="m", id="1",
                                          wantReceipt=False) +
                                    frame("LOGOUT", user=user, legacyName="n"))
            if i % 50 == 49:
                backend.line.send("PING")
                while backend.line.receive().type != "PONG":
                    pass
        return int(open(f"/proc/{backend.pid}/statm").read().split()[1]) * 4
    before = cycle(2000)
    after = cycle(10000)
    assert after - before < 2048, f"{before} KB, then {after} KB"


def test_configuration_on_the_command_line(start, directories):
    path = directories("config") / "echo.cfg"
    path.write_text("[service]\njid = echo.example.org\n[logging]\n"
                    f"backend_config = {path.parent}/logging.cfg\n")
    (path.parent / "logging.cfg").write_text(
        "log4j.rootLogger=debug, R\nlog4j.appender.R=org.apache.log4j.RollingFileAppender\n"
        f"log4j.appender.R.File={path.parent}/backend-${{jid}}-${{id}}.log\n"
        "log4j.appender.R.MaxFileSize=1000KB\nlog4j.appender.R.MaxBackupIndex=1\n")
    backend = start("-n", "--unknown", "-j", "other.example.org", str(path)).ready().warm()
    backend.line.send_bytes(b"\0\0\0\0")
    log = path.parent / "backend-other.example.org-1.log"
    wait_for(lambda: log.exists() and "skipped a frame" in log.read_text(), "the log file")
