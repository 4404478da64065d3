# SPDX-License-Identifier: GPL-2.0-or-later
"""The main process as its administrator meets it: command line, --check-config, background, pid file, failed starts.
Runs the program of daemon_program.c, whose path is in $PROGRAM."""

import os
import pathlib
import pwd
import re
import select
import signal
import socket
import stat
import subprocess
import tempfile

import pytest

PROGRAM = os.environ["PROGRAM"]
ROOT = os.geteuid() == 0
PLAIN = """\
[service]
jid = irc.example.org
server = 127.0.0.1
port = 5347
password = secret
backend = /bin/true --fixed
working_dir = {0}/work/$jid
pidfile = {0}/run/$jid.pid
portfile = {0}/run/$jid.port
[database]
type = sqlite3
database = {0}/data/$jid.sql
[logging]
config = {0}/logging.cfg
"""
LOGGING = """\
log4j.rootLogger=info, R
log4j.appender.R=org.apache.log4j.RollingFileAppender
log4j.appender.R.File={0}/log/${{jid}}/main.log
"""


class Place:
    """A directory with a configuration, and what was started in it."""

    def __init__(self, path):
        self.path = path
        self.config = path / "gw.cfg"
        self.config.write_text(PLAIN.format(path))
        (path / "logging.cfg").write_text(LOGGING.format(path))
        self.pidfile = path / "run/irc.example.org.pid"
        self.portfile = path / "run/irc.example.org.port"
        self.log = path / "log/irc.example.org/main.log"
        self.started = []

    def run(self, *arguments, **environment):
        result = subprocess.run([PROGRAM, *map(str, arguments)], cwd=self.path, text=True, capture_output=True,
                                env={**os.environ, **environment}, timeout=60)
        if self.pidfile.exists() and self.pidfile.read_text().strip():
            self.started.append(int(self.pidfile.read_text()))
        return result

    def start(self, *arguments, **environment):
        result = self.run(*arguments, self.config, **environment)
        assert result.returncode == 0, result.stderr
        return int(self.pidfile.read_text())

    def append(self, text):
        with self.config.open("a") as file:
            file.write(text)

    def check(self, *arguments):
        result = self.run("--check-config", *arguments, self.config.name)
        return result.returncode, result.stdout


def end(pid, number=signal.SIGTERM):
    """Signals a process that is no child of ours and waits for its end."""
    try:
        watch = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    os.kill(pid, number)
    assert select.select([watch], [], [], 60)[0], "did not end"
    os.close(watch)


def name_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return None


@pytest.fixture
def place(tmp_path):
    os.chmod(tmp_path, 0o777)
    for parent in list(tmp_path.parents)[:2]:
        os.chmod(parent, parent.stat().st_mode | 0o055)
    place = Place(tmp_path)
    yield place
    for pid in place.started:
        if name_of(pid) == os.path.basename(PROGRAM)[:15]:
            end(pid, signal.SIGKILL)


# ---- command line ----

@pytest.mark.parametrize("argument", ["-h", "--help"])
def test_help_names_every_option(place, argument):
    result = place.run(argument)
    assert result.returncode == 0 and result.stderr == ""
    for option in ("-h, --help", "-v, --version", "-n, --no-daemonize", "-d, --no-debug", "-j, --jid JID",
                   "--config FILE", "--check-config", "--SECTION.KEY=VALUE"):
        assert option in result.stdout


@pytest.mark.parametrize("argument", ["-v", "--version"])
def test_version(place, argument):
    result = place.run(argument)
    assert result.returncode == 0 and result.stdout.startswith("spectrum2 ")


@pytest.mark.parametrize("arguments, message", [
    ([], "no configuration file"),
    (["--no-daemon", "gw.cfg"], "unknown option --no-daemon"),
    (["--chec", "gw.cfg"], "unknown option --chec"),
    (["-x", "gw.cfg"], "unknown option -x"),
    (["-nd", "gw.cfg"], "unknown option -nd"),
    (["gw.cfg", "-j"], "--jid needs a value"),
    (["gw.cfg", "--jid="], "--jid needs a value"),
    (["gw.cfg", "--service.port"], "--service.port needs a value"),
    (["--check-config=1", "gw.cfg"], "--check-config takes no value"),
    (["gw.cfg", "other.cfg"], "more than one configuration file: other.cfg"),
])
def test_c_17_wrong_command_lines_are_refused(place, arguments, message):
    result = place.run(*arguments)
    assert result.returncode == 1 and result.stdout == ""
    assert result.stderr == f"spectrum2: {message}; try spectrum2 --help\n"


@pytest.mark.parametrize("arguments", [
    ["-j", "x.example.org", "gw.cfg"],
    ["gw.cfg", "--jid=x.example.org"],
    ["--config", "gw.cfg", "--service.jid", "x.example.org"],
    ["--config=gw.cfg", "--service.jid=x.example.org", "-d", "-n"],
])
def test_c_4_the_jid_of_the_command_line_wins(place, arguments):
    pidfile = place.path / "run/x.example.org.pid"
    result = place.run("--check-config", *arguments, "--service.password=")
    assert result.stdout.startswith("command line: service.password: not given")
    if "-n" not in arguments:
        assert place.run(*arguments).returncode == 0
        end(int(pidfile.read_text()))


# ---- --check-config ----

def test_a_good_configuration(place):
    assert place.check() == (0, "gw.cfg: no problems\n")
    assert not (place.path / "work").exists() and not (place.path / "run").exists()


@pytest.mark.parametrize("old, new, message", [
    ("jid = irc.example.org", "", "gw.cfg: service.jid: not given; set it to the domain of this instance"),
    ("jid = irc.example.org", "jid = a b", 'gw.cfg:2: service.jid: "a b" is no domain; '),
    ("jid = irc.example.org", "jid = me@example.org", 'gw.cfg:2: service.jid: "me@example.org" is no domain; '),
    ("jid = irc.example.org", "jid = a..b", 'gw.cfg:2: service.jid: "a..b" is no domain; '),
    ("password = secret", "", "gw.cfg: service.password: not given; "),
    ("port = 5347", "", "gw.cfg: service.port: not given; "),
    ("port = 5347", "port = x", 'gw.cfg:4: service.port: "x" is no number; give a port from 1 to 65535'),
    ("/bin/true --fixed", "spectrum2_backend", "gw.cfg:6: service.backend: spectrum2_backend: No such file"),
    ("/bin/true --fixed", "/etc/passwd", "gw.cfg:6: service.backend: /etc/passwd cannot be executed; "),
    ("type = sqlite3", "type = oracle", 'gw.cfg:11: database.type: "oracle" is not possible; choose one of sqlite3'),
    ("database = {0}/data", "database = /dev/null/data", "gw.cfg:12: database.database: directory /dev/null/data cannot be"),
    ("{0}/logging.cfg", "{0}/nothing.cfg", "gw.cfg:14: logging.config: "),
    ("password = secret", "password = secret\nuser = nobody-here", "gw.cfg:6: service.user: there is no user nobody-here"),
    ("password = secret", "password = secret\ngroup = none-here", "gw.cfg:6: service.group: there is no group none-here"),
    ("[logging]", "[registration]\nallowed_usernames = a(b\n[logging]",
     "gw.cfg:14: registration.allowed_usernames: no extended regular expression: "),
])
def test_what_is_wrong_is_named(place, old, new, message):
    text = PLAIN.replace(old, new).format(place.path)
    place.config.write_text(text)
    status, output = place.check()
    assert status == 1 and any(line.startswith(message) for line in output.splitlines()), output


@pytest.mark.parametrize("mode, port, warning", [
    (0, 5222, "warning: gw.cfg:4: service.port: 5222 is for clients; "),
    (1, 5347, "warning: gw.cfg:4: service.port: 5347 is for components; "),
    (0, 5347, None),
])
def test_c_5_suspicious_ports_are_a_warning(place, mode, port, warning):
    place.config.write_text(PLAIN.replace("port = 5347", f"port = {port}").format(place.path))
    status, output = place.check(f"--service.server_mode={mode}")
    assert status == 0
    assert (warning in output) if warning else "service.port" not in output


def test_all_problems_are_shown_at_once(place):
    place.append("[service]\nport=x\nsever_mode=1\nhello\n")
    status, output = place.check()
    assert status == 1
    assert "gw.cfg:16: service.port: " in output
    assert "warning: gw.cfg:17: service.sever_mode: unknown key; did you mean service.server_mode?\n" in output
    assert 'gw.cfg:18: "hello": there is no \'=\'' in output
    assert output.endswith("gw.cfg: errors: 2, warnings: 1\n")


# ---- a run ----

def test_in_the_background_until_sigterm(place):
    pid = place.start()
    assert place.portfile.read_text() == "12345\n"
    assert stat.S_IMODE((place.path / "work/irc.example.org").stat().st_mode) == 0o770
    assert (place.path / "data").is_dir()
    assert os.getsid(pid) == pid
    if ROOT:
        assert os.readlink(f"/proc/{pid}/cwd") == str(place.path / "work/irc.example.org")
        assert os.readlink(f"/proc/{pid}/fd/0") == "/dev/null"
        assert os.readlink(f"/proc/{pid}/fd/2") == str(place.log)
    else:
        with pytest.raises(PermissionError):
            os.readlink(f"/proc/{pid}/cwd")
    end(pid)
    assert not place.pidfile.exists() and not place.portfile.exists()


def test_the_backends_get_tidy_arguments(place):
    """They may run in another directory, and know no overrides of two words."""
    result = place.run("--service.users_per_backend", "7", "--mine.key=a b", "-j", "irc.example.org", "--config=gw.cfg", "-d")
    assert result.returncode == 0, result.stderr
    end(int(place.pidfile.read_text()))
    words = re.findall("argument (.*)", place.log.read_text())
    assert words == ["--service.users_per_backend=7", "--mine.key=a b", "-j", "irc.example.org", str(place.config)]


def test_the_foreground_logs_to_stderr(place):
    process = subprocess.Popen([PROGRAM, "-n", place.config, "--logging.config="], stderr=subprocess.PIPE, text=True)
    assert any("[test] argument -n" in line for line in process.stderr)
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 0 and not place.log.exists()


def test_c_22_sec_11_limits_of_a_run(place):
    pid = place.start()
    fields = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status"))
    limits = [line.split() for line in open(f"/proc/{pid}/limits") if line.startswith("Max open files")][0]
    assert int(fields["Umask"], 8) == 0o007
    assert limits[3] == limits[4]
    assert os.stat(f"/proc/{pid}/environ").st_uid == 0, "others of the same user could read its memory"
    end(pid)


def test_c_16_a_second_start_is_refused_and_names_the_first(place):
    pid = place.start()
    for arguments in ([], ["-n"]):
        result = place.run(*arguments, place.config)
        assert result.returncode == 1
        assert f"is locked by process {pid}: this instance is running already" in result.stderr
    assert int(place.pidfile.read_text()) == pid
    end(pid)


def test_c_16_rb_11_a_pid_file_that_was_left_behind_does_no_harm(place):
    pid = place.start()
    end(pid, signal.SIGKILL)
    assert place.pidfile.exists()
    place.pidfile.write_text(f"{os.getpid()}\n")
    end(place.start())
    assert not place.pidfile.exists()


@pytest.mark.parametrize("stumble, message", [("fail", "spectrum2: port 5222 is taken\n"),
                                              ("die", "spectrum2: killed by signal 9 during the start\n")])
def test_c_18_rb_10_a_failed_start_is_told_by_the_parent(place, stumble, message):
    result = place.run(place.config, STUMBLE=stumble)
    assert result.returncode == 1 and result.stderr == message
    if stumble == "fail":
        assert "port 5222 is taken" in place.log.read_text()
        assert not place.pidfile.exists()


def test_a_failed_start_in_the_foreground(place):
    result = place.run("-n", place.config, STUMBLE="fail")
    assert result.returncode == 1 and result.stderr == "spectrum2: port 5222 is taken\n"
    assert not place.pidfile.exists()


@pytest.mark.parametrize("key, value, message", [
    ("working_dir", "/proc/x", "service.working_dir: directory /proc/x cannot be used: "),
    ("pidfile", "/proc/x/y.pid", "service.pidfile: directory /proc/x cannot be made: "),
    ("user", "nobody-here", "service.user: there is no user nobody-here; create it or correct the key"),
    ("group", "none-here", "service.group: there is no group none-here; create it or correct the key"),
])
def test_what_cannot_be_prepared_is_named(place, key, value, message):
    for arguments in ([], ["-n"]):
        result = place.run(*arguments, f"--service.{key}={value}", place.config)
        assert result.returncode == 1
        assert result.stderr.startswith("spectrum2: ") and message in result.stderr.splitlines()[0], result.stderr


def test_a_wrong_file_ends_before_anything_is_touched(place):
    place.append("[service]\nport=1\n")
    result = place.run(place.config)
    assert result.returncode == 1
    assert result.stderr == f"spectrum2: {place.config}:16: service.port: given before, in line 4; keep one of them\n"
    assert not (place.path / "run").exists()


def test_the_log_is_reopened_by_its_name(place):
    pid = place.start()
    old = place.log.rename(place.log.with_suffix(".old"))
    end_of_run = os.pidfd_open(pid)
    os.kill(pid, signal.SIGHUP)
    os.kill(pid, signal.SIGTERM)
    # Two pending signals come in the order of their numbers: 1, then 15.
    assert select.select([end_of_run], [], [], 60)[0]
    os.close(end_of_run)
    assert "before" in old.read_text() and "after" not in old.read_text()
    assert "after" in place.log.read_text()


def test_systemd_is_told(place):
    path = str(place.path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        os.chmod(path, 0o777)
        listener.settimeout(60)
        process = subprocess.Popen([PROGRAM, "-n", place.config], env={**os.environ, "NOTIFY_SOCKET": path})
        assert listener.recv(1000).decode() == f"READY=1\nMAINPID={process.pid}"
        assert int(place.pidfile.read_text()) == process.pid
        process.terminate()
        assert listener.recv(1000) == b"STOPPING=1"
        assert process.wait(60) == 0


def check_owner(place, pid):
    """Everything belongs to nobody if root started it; else the key was only remarked upon."""
    nobody = pwd.getpwnam("nobody")
    if ROOT:
        fields = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status"))
        assert set(fields["Uid"].split()) == {str(nobody.pw_uid)}
        assert set(fields["Gid"].split()) == {str(nobody.pw_gid)}
        assert str(0) not in fields["Groups"].split()
        for path in (place.log, place.pidfile, place.portfile, place.path / "work", place.path / "run"):
            assert path.stat().st_uid == nobody.pw_uid, path
    else:
        assert "have no effect" in place.log.read_text()


def test_c_23_another_user(place):
    """Below a directory that others may write to, as the test's is, root himself makes nothing."""
    place.append("[service]\nuser = nobody\n")
    pid = place.start()
    check_owner(place, pid)
    end(pid)
    assert not place.pidfile.exists() and not place.portfile.exists()


def test_another_user_with_files_of_root(place):
    """A pid file that root left behind in a directory of root's own: taken over, and emptied at the end."""
    with tempfile.TemporaryDirectory(dir="/run" if ROOT else None) as path:
        os.chmod(path, 0o755)
        place = Place(pathlib.Path(path))
        place.append("[service]\nuser = nobody\n")
        place.pidfile.parent.mkdir()
        place.pidfile.write_text("1\n")
        pid = place.start()
        assert int(place.pidfile.read_text()) == pid
        for file in (place.pidfile, place.portfile, place.log, place.log.parent):
            assert file.stat().st_uid == (pwd.getpwnam("nobody").pw_uid if ROOT else os.geteuid()), file
        end(pid)
        assert not place.pidfile.exists() or place.pidfile.read_text() == ""
        assert not place.portfile.exists() or place.portfile.read_text() == ""
