# SPDX-License-Identifier: GPL-2.0-or-later
"""Child processes of the tests: each in a scratch directory, watched through its log, ended by its pid.

Every process that a test starts, and whatever that starts in turn, carries the environment variable MARK with the
directory's name, so that nothing is ever looked up by its program's name and leftovers are found."""

import ctypes
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import time

MARK = "SPECTRUM2_TEST_DIRECTORY"
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)
LIMIT = 10.0  # seconds that anything on loopback may take, sanitizers included


def free_port():
    """A port of 127.0.0.1 that nobody listens on, outside of the range that outgoing connections take theirs from."""
    for _ in range(200):
        port = random.SystemRandom().randrange(15000, 32000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port on 127.0.0.1")


def wait_for(condition, what, limit=LIMIT):
    """Calls `condition` until it gives something true, and returns that."""
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {limit:g} s")
        time.sleep(0.01)


def answers(port):
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def marked(directory):
    """{pid: command line} of the living processes that belong to `directory`."""
    wanted = f"{MARK}={directory}".encode()
    found = {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        base = pathlib.Path(entry.path)
        try:
            argv = (base / "cmdline").read_bytes().decode(errors="replace").split("\0")
            try:
                ours = wanted in (base / "environ").read_bytes().split(b"\0")
            except PermissionError:  # a process that guards its memory hides its environment, too
                ours = any(str(directory) in word for word in argv)
            if ours and (base / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z":
                found[int(entry.name)] = argv
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


def end_with_parent():
    """In the child, before it becomes the program: a run that is killed leaves nothing behind."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """One program in the foreground. Its output goes to DIRECTORY/NAME.log."""

    def __init__(self, directory, name):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.log_path = self.directory / f"{name}.log"
        self.name = name
        self.child = None

    def launch(self, *argv, **environment):
        assert not self.running(), f"{self.name} runs already"
        variables = {k: v for k, v in os.environ.items() if k != MARK}
        variables.update(environment)
        variables[MARK] = str(self.directory)
        with open(self.log_path, "ab") as log:
            self.child = subprocess.Popen([str(a) for a in argv], cwd=self.directory, env=variables, stdout=log,
                                          stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
                                          preexec_fn=end_with_parent)

    def running(self):
        return self.child is not None and self.child.poll() is None

    @property
    def pid(self):
        return self.child.pid

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def log_lines(self, pattern):
        return [line for line in self.log().splitlines() if re.search(pattern, line)]

    def send_signal(self, number):
        if self.running():
            os.kill(self.child.pid, number)

    def end(self, number=signal.SIGTERM, limit=LIMIT):
        """Sends the signal and waits; returns the exit status (negative: the signal), None if it was not running."""
        if self.child is None:
            return None
        self.send_signal(number)
        try:
            return self.child.wait(limit)
        except subprocess.TimeoutExpired:
            os.kill(self.child.pid, signal.SIGKILL)
            self.child.wait(limit)
            raise AssertionError(f"{self.name} did not end within {limit:g} s of signal {number}") from None

    def end_marked(self):
        """Kills what is left of this directory's processes; returns their command lines."""
        left = marked(self.directory)
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return left
