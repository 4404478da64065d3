# SPDX-License-Identifier: GPL-2.0-or-later
"""The libpurple backend as a main process has it, and a user of it."""

import pathlib

import ircbackend
from gateway import PURPLE, sanitizers

SUPPRESSIONS = pathlib.Path(__file__).with_name("lsan.supp")


def purple_environment(directory):
    """GLib's own allocator hides from the sanitizers, and they name no code of a plugin that is unloaded already."""
    return {**sanitizers(directory), "G_SLICE": "always-malloc", "G_DEBUG": "resident-modules",
            "LSAN_OPTIONS": f"suppressions={SUPPRESSIONS}:print_suppressions=0", "HOME": str(directory / "home")}


class Backend(ircbackend.Backend):
    program = PURPLE
    jid = "purple.test"

    def __init__(self, directory, protocol, settings):
        (directory / "work").mkdir()
        (directory / "home").mkdir()
        super().__init__(directory, {"service.protocol": protocol, "service.working_dir": directory / "work", **settings})

    def environment(self):
        return purple_environment(self.directory)
