# SPDX-License-Identifier: GPL-2.0-or-later
"""The libpurple backend as a main process has it, and a user of it."""

import ircbackend
from gateway import PURPLE, SUPPRESSIONS, sanitizers


class Backend(ircbackend.Backend):
    program = PURPLE
    jid = "purple.test"

    def __init__(self, directory, protocol, settings):
        (directory / "work").mkdir()
        (directory / "home").mkdir()
        (directory / "reports").mkdir()
        super().__init__(directory, {"service.protocol": protocol, "service.working_dir": directory / "work",
                                     "backend.sandbox_path": [directory / "reports", SUPPRESSIONS], **settings})

    def environment(self):
        return {**sanitizers(self.directory / "reports"), "HOME": str(self.directory / "home")}
