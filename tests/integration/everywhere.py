# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests that hold on every XMPP server: decorated with `everywhere`, they are run on each. `home`, which the fixtures use
where a test names no server, is then that one."""

import pytest

everywhere = pytest.mark.parametrize("home", ["prosody", "ejabberd"], indirect=True)
