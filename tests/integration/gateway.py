# SPDX-License-Identifier: GPL-2.0-or-later
"""spectrum2 itself: writes a configuration, runs the main process in the foreground, and judges how it ended: no
sanitizer report, no process left behind, exit status 0 unless the test killed it."""

import asyncio
import os
import pathlib
import signal
import subprocess
import time

from processes import LIMIT, Process, marked

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SPECTRUM2_BUILD", ROOT / "build")).resolve()
MAIN = BUILD / "spectrum/spectrum2"
ECHO = BUILD / "backends/echo/spectrum2_echo_backend"
LOOPBACK = BUILD / "backends/loopback/spectrum2_loopback_backend"
FILES = BUILD / "tests/peers/files_backend"
ASKING = BUILD / "tests/peers/asking_backend"
IRC = BUILD / "backends/irc/spectrum2_irc_backend"
PURPLE = BUILD / "backends/libpurple/spectrum2_libpurple_backend"
# A network on which the users of one instance see and reach each other; see there.
VILLAGE = f"/usr/bin/python3 {ROOT}/tests/peers/village.py --extended"
XMPP = BUILD / "backends/xmpp/spectrum2_xmpp_backend"
# Does what message bodies tell it; see there.
SCRIPTED = f"/usr/bin/python3 {ROOT}/tests/peers/backend.py"

LOGGING = """\
log4j.rootLogger=info, console
log4j.appender.console=org.apache.log4j.ConsoleAppender
"""


SUPPRESSIONS = pathlib.Path(__file__).with_name("lsan.supp")


def sanitizers(directory):
    """Environment by which a report of any process becomes a file in `directory` and a failed exit. GLib's own allocator
    would hide its users' faults, and reports name no code of a plugin that is unloaded."""
    base = f"exitcode=99:log_path={directory}"
    return {"G_SLICE": "always-malloc", "G_DEBUG": "resident-modules",
            "LSAN_OPTIONS": f"suppressions={SUPPRESSIONS}:print_suppressions=0",
            "ASAN_OPTIONS": f"{base}/report.asan:detect_leaks=1:quarantine_size_mb=4",
            "UBSAN_OPTIONS": f"{base}/report.ubsan:print_stacktrace=1:halt_on_error=1",
            "TSAN_OPTIONS": f"{base}/report.tsan:halt_on_error=0"}


class Gateway(Process):
    def __init__(self, directory, jid, backend, component_port, settings=None, password="secret"):
        super().__init__(directory, "spectrum2")
        self.jid = jid
        self.program = str(backend).replace("/usr/bin/python3 ", "").split()[0]
        self.killed = False
        self.ignore_reports = False
        self.settings = {
            "service.jid": jid,
            "service.server": "127.0.0.1",
            "service.port": component_port,
            "service.password": password,
            "service.backend": backend,
            "service.backend_host": "127.0.0.1",
            "service.pidfile": f"{directory}/run/$jid.pid",
            "service.portfile": f"{directory}/run/$jid.port",
            "service.working_dir": f"{directory}/work",
            "identity.name": "Test gateway",
            "identity.type": "irc" if jid.startswith("irc.") else "xmpp",
            "database.type": "sqlite3",
            "database.database": f"{directory}/work/database.sql",
            "logging.config": f"{directory}/logging.cfg",
            "logging.backend_config": f"{directory}/logging.cfg",
            # Where sanitizers write to.
            **({"backend.sandbox_path": [directory, SUPPRESSIONS]} if self.program == str(PURPLE) else {}),
            **(settings or {}),
        }

    @property
    def configuration(self):
        return self.directory / "spectrum2.cfg"

    def write_configuration(self):
        sections = {}
        for key, value in self.settings.items():
            section, _, name = key.partition(".")
            values = value if isinstance(value, (list, tuple)) else [value]
            sections.setdefault(section, []).extend(f"{name} = {v}" for v in values if v is not None)
        text = "".join(f"[{section}]\n" + "\n".join(lines) + "\n" for section, lines in sections.items())
        self.configuration.write_text(text)
        (self.directory / "logging.cfg").write_text(LOGGING)

    def start(self):
        """Starts the process and waits for nothing."""
        assert MAIN.exists(), f"{MAIN} is not built"
        assert pathlib.Path(self.program).exists(), f"{self.program} is not built"
        self.write_configuration()
        self.killed = False
        self.launch(MAIN, "-n", self.configuration, **sanitizers(self.directory))
        return self

    async def logged(self, pattern, limit=LIMIT, count=1):
        """Waits until `count` lines of the log match; returns them."""
        end = time.monotonic() + limit
        while True:
            lines = self.log_lines(pattern)
            if len(lines) >= count:
                return lines
            assert time.monotonic() < end, f"no log line like {pattern!r} within {limit:g} s:\n{self.log()}"
            await asyncio.sleep(0.01)

    async def up(self, host, limit=2 * LIMIT):
        """Starts, and waits until the host has accepted the component."""
        before = host.links(self.jid)
        self.start()
        await self.linked(host, before, limit)
        return self

    async def linked(self, host, before, limit=2 * LIMIT):
        """Waits until the host has accepted the component once more than `before` times."""
        end = time.monotonic() + limit
        while host.links(self.jid) <= before:
            assert self.running(), f"spectrum2 ended at start:\n{self.log()}"
            assert time.monotonic() < end, f"the component is not linked after {limit:g} s:\n{self.log()}"
            await asyncio.sleep(0.01)

    def backends(self):
        """Pids of its backend processes, oldest first."""
        return sorted(pid for pid, argv in marked(self.directory).items()
                      if pid != self.child.pid and self.program in argv[:2])

    async def backend_started(self, count=1, other_than=(), limit=LIMIT):
        """Waits for `count` backends besides those of `other_than`; returns their pids."""
        end = time.monotonic() + limit
        while True:
            pids = [pid for pid in self.backends() if pid not in other_than]
            if len(pids) >= count:
                return pids
            assert time.monotonic() < end, f"no backend after {limit:g} s:\n{self.log()}"
            await asyncio.sleep(0.02)

    def kill(self):
        """kill -9 of the main process; its backends end by themselves."""
        self.killed = True
        self.end(signal.SIGKILL)

    def stop(self, limit=LIMIT):
        """SIGTERM; the seconds that it took to end."""
        begin = time.monotonic()
        status = self.end(signal.SIGTERM, limit)
        if not self.killed:
            assert status == 0, f"exit status {status}:\n{self.log()[-4000:]}\n{self.reports()}"
        return time.monotonic() - begin

    async def ended(self, limit=LIMIT):
        """Waits for the process to end by itself; its exit status."""
        end = time.monotonic() + limit
        while self.running():
            assert time.monotonic() < end, f"still running after {limit:g} s:\n{self.log()}"
            await asyncio.sleep(0.01)
        return self.child.returncode

    def reports(self):
        return "\n".join(path.read_text(errors="replace")[:6000] for path in sorted(self.directory.glob("report.*")))

    def rss_kb(self):
        """Resident memory of the main process."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))

    async def close(self):
        """The end of a test."""
        try:
            if self.child is not None and not self.killed:
                self.stop()
            end = time.monotonic() + LIMIT
            while marked(self.directory) and time.monotonic() < end:
                await asyncio.sleep(0.02)
        finally:
            left = self.end_marked()
        assert not left, f"processes left behind: {left}"
        assert self.ignore_reports or not self.reports(), self.reports()


def check_configuration(path, *options):
    """`spectrum2 --check-config`: (exit status, what it printed)."""
    done = subprocess.run([MAIN, "--check-config", *options, path], capture_output=True, text=True, timeout=LIMIT,
                          env={**os.environ, **sanitizers(pathlib.Path(path).parent)}, check=False)
    return done.returncode, done.stdout + done.stderr
