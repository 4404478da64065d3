#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks the rules of the tree that a compiler does not know: which folder may include which (the floors), that every
source names its license, that includes are written from the root. Run by `meson test lint`; exits 1 and names
FILE:LINE for each breach. A file longer than LONG lines gets a warning only."""

import pathlib
import re
import sys

LONG = 900

# A folder includes itself and what stands on lower floors. Longest prefix wins.
FLOORS = {
    "include": 0,
    "lib/base": 1,
    "lib/config": 2,
    "lib/io": 2,
    "lib/wire": 2,
    "lib/xmpp": 3,
    "kit": 4,
    "spectrum/store": 4,
    "manager": 4,
    "spectrum/link": 5,
    "backends": 5,
    "spectrum/hub": 6,
    "spectrum/upstream": 6,
    "spectrum/server": 7,
    "spectrum/frontend": 8,
    "spectrum": 9,
}

# Lower floors that a folder has no business with: (folder, what it may not see, what is allowed all the same).
HIDDEN = [
    ("spectrum/frontend", ("lib/wire", "spectrum/link", "spectrum/store"), ()),
    ("spectrum/server", ("lib/wire", "spectrum/link", "spectrum/store"), ()),
    ("spectrum/upstream", ("lib/wire", "spectrum/link", "spectrum/store"), ()),
    ("spectrum/hub", ("lib/wire", "lib/xmpp"), ("lib/xmpp/jid.h",)),
    ("backends", ("spectrum", "manager"), ()),
]

CHECKED = ("include", "lib", "spectrum", "kit", "backends", "manager")
LICENSE = "SPDX-License-Identifier: GPL-2.0-or-later"
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def below(path, folder):
    return path == folder or path.startswith(folder + "/")


def folder_of(path):
    """The entry of FLOORS that `path` belongs to. Each network below backends/ is a folder of its own."""
    for folder in sorted(FLOORS, key=len, reverse=True):
        if below(path, folder):
            return "/".join(path.split("/")[:2]) if folder == "backends" else folder
    return None


def floor_of(folder):
    return FLOORS["backends" if folder.startswith("backends/") else folder]


def breach(path, target):
    """Why `path` may not include `target`, or None."""
    if target.startswith("spectrum2/"):
        target = "include/" + target
    own, other = folder_of(path), folder_of(target)
    if other is None:
        return "is no path from the root of the tree"
    if own == other:
        return None
    if floor_of(other) >= floor_of(own):
        return f"{own} (floor {floor_of(own)}) may not see {other} (floor {floor_of(other)})"
    for folder, hidden, allowed in HIDDEN:
        if below(path, folder) and target not in allowed and any(below(target, h) for h in hidden):
            return f"{folder} may not see {other}"
    return None


def sources(root):
    for top in CHECKED + ("tests",):
        for path in sorted((root / top).rglob("*")):
            if path.suffix in (".c", ".h") and path.is_file():
                yield path.relative_to(root).as_posix(), path


def check(root):
    faults = []
    for name, path in sources(root):
        lines = path.read_text(encoding="utf-8").splitlines()
        if not lines or LICENSE not in lines[0]:
            faults.append(f"{name}:1: the first line must name the license: /* {LICENSE} */")
        if len(lines) > LONG:
            print(f"warning: {name}: {len(lines)} lines; does it hold two ideas?")
        if name.startswith("tests/"):
            continue
        for number, line in enumerate(lines, 1):
            match = INCLUDE.match(line)
            why = breach(name, match.group(1)) if match else None
            if why:
                faults.append(f'{name}:{number}: "{match.group(1)}": {why}')
    return faults


def self_test():
    """The rules themselves, so that a slip in the tables is noticed."""
    right = [("lib/io/conn.c", "lib/base/str.h"), ("spectrum/hub/user.c", "spectrum/link/link.h"),
             ("spectrum/hub/user.c", "lib/xmpp/jid.h"), ("spectrum/main.c", "spectrum/link/link.h"),
             ("backends/irc/session.c", "lib/io/conn.h"), ("backends/irc/session.c", "kit/session.h"),
             ("backends/echo/echo.c", "spectrum2/backend.h"),
             ("lib/wire/wire.c", "lib/wire/protocol.pb-c.h"), ("spectrum/main.c", "spectrum/daemon.h")]
    wrong = [("lib/base/str.c", "lib/io/conn.h"), ("lib/io/conn.c", "lib/wire/wire.h"),
             ("spectrum/hub/user.c", "lib/xmpp/element.h"), ("spectrum/frontend/muc.c", "spectrum/link/link.h"),
             ("backends/irc/session.c", "backends/echo/echo.h"),
             ("lib/io/conn.c", "conn.h"), ("spectrum/link/pool.c", "spectrum/hub/user.h")]
    bad = [pair for pair in right if breach(*pair)] + [pair for pair in wrong if not breach(*pair)]
    return [f"floors.py: wrong verdict on {a} including {b}" for a, b in bad]


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]).resolve()
    faults = self_test() + check(root)
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
