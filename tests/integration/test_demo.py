# SPDX-License-Identifier: GPL-2.0-or-later
"""The demonstration that README names first (without its building)."""

import os
import pathlib
import signal
import sys

import pytest

from gateway import ROOT
from processes import LIMIT, Process, marked, wait_for

DEMO = ROOT / "scripts/demo.py"


def scratch_directories():
    return set(pathlib.Path("/tmp").glob("spectrum2-demo-*"))


@pytest.mark.parametrize("words", [[], ["gateway"], ["clients"], ["clients", "ejabberd"], ["clients", "server"]], ids=" ".join)
def test_once_shows_both_sides_and_ends(directories, words):
    demo = Process(directories("demo"), "demo")
    demo.launch(sys.executable, "-B", DEMO, *words, "--once")
    assert demo.child.wait(4 * LIMIT) == 0, demo.log()
    assert "sees: <alice> Hello from XMPP!" in demo.log() and "sees: <bob> Welcome, alice." in demo.log()


@pytest.mark.parametrize("words", [[], ["gateway"]], ids=["server", "gateway"])
def test_it_stays_until_ctrl_c_and_then_cleans_up(directories, words):
    demo = Process(directories("demo"), "demo")
    before = scratch_directories()
    demo.launch(sys.executable, "-B", DEMO, *words)
    wait_for(lambda: "/join #demo" in demo.log(), "the invitation", 4 * LIMIT)
    (scratch,) = scratch_directories() - before
    os.kill(demo.pid, signal.SIGINT)
    assert demo.child.wait(2 * LIMIT) == 0, demo.log()
    assert not scratch.exists()
    assert not any(marked(scratch / name) for name in ("prosody", "ngircd", "spectrum2"))


def test_a_failure_is_a_message_and_a_status(directories):
    demo = Process(directories("demo"), "demo")
    demo.launch(sys.executable, "-B", DEMO, "--once", SPECTRUM2_BUILD="/nonexistent")
    assert demo.child.wait(4 * LIMIT) == 1
    assert "is not built" in demo.log() and "Traceback" not in demo.log()
