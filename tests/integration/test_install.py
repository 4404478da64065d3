# SPDX-License-Identifier: GPL-2.0-or-later
"""What `meson install` puts where: the names and places that people know from Spectrum 2."""

import pathlib
import subprocess

import pytest

from gateway import BUILD


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """The root of a file system with nothing else in it."""
    root = tmp_path_factory.mktemp("root")
    subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", root], check=True)
    return root


def prefix(tree):
    return next(tree.rglob("bin/spectrum2")).parent.parent


@pytest.mark.parametrize("name", ["irc", "libcommuni", "xmpp", "swiften", "libpurple"])
@pytest.mark.parametrize("directory", ["bin", "libexec"])
def test_backends_have_their_names(tree, name, directory):
    """service.backend of an old configuration names one of these."""
    path = prefix(tree) / directory / f"spectrum2_{name}_backend"
    if path.is_symlink():
        path = tree / str(path.readlink())[1:]
    shown = subprocess.run([path, "--help"], capture_output=True, text=True, timeout=20)
    assert shown.returncode == 0 and "spectrum2" in shown.stdout, shown.stderr


def test_examples_pass_their_own_check(tree):
    examples = sorted(tree.rglob("etc/spectrum2/transports/*.example"))
    assert len(examples) >= 2
    for example in examples:
        shown = subprocess.run([prefix(tree) / "bin/spectrum2", "--check-config", example], capture_output=True, text=True)
        problems = [line for line in (shown.stdout + shown.stderr).splitlines() if line.startswith(f"{example}:") and "errors: " not in line]
        # The program that an example names is where packages put it, which is not in here.
        assert all("backend" in line for line in problems), problems


def test_the_unit_starts_what_is_installed(tree):
    unit = next(tree.rglob("systemd/system/spectrum2@.service")).read_text()
    start = next(line for line in unit.splitlines() if line.startswith("ExecStart=")).split("=", 1)[1].split()[0]
    assert (tree / pathlib.Path(start).relative_to("/")).is_file()
