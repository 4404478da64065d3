#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks docs/marks.md: each test that it names exists, and carries the mark of its row. Run by `meson test marks`; exits 1
and names FILE:LINE for each breach."""

import pathlib
import re
import sys

ROW = re.compile(r"^\| ([A-Z]+)-(\d+) \|.*\| `([\w./]+)::(\w+)` \| (holds|partly) \|$")


def defined(text, name):
    """A pytest function, or a cmocka test that is both defined and in a list."""
    return re.search(rf"^(async )?def {name}\(", text, re.M) or (
        re.search(rf"^static void {name}\(", text, re.M) and re.search(rf"\({name}\b[),]", text))


def breaches(table, tests):
    """(line number, what is wrong) of each row."""
    for number, line in enumerate(table.splitlines(), 1):
        if not re.match(r"\| [A-Z]+-\d", line):
            continue
        row = ROW.match(line)
        if not row:
            yield number, "is no row: | MARK | defect | `FILE::TEST` | holds or partly |"
            continue
        letters, digits, path, name = row.groups()[:4]
        if not (tests / path).is_file():
            yield number, f"there is no {path}"
        elif not defined((tests / path).read_text(encoding="utf-8"), name):
            yield number, f"there is no test {name} in {path}"
        elif not re.search(rf"(^|_){letters}_?{digits}(_|$)", name, re.I):
            yield number, f"{name} does not carry {letters}-{digits}"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2])
    table = (root / "docs/marks.md").read_text(encoding="utf-8")
    found = list(breaches(table, root / "tests"))
    for number, fault in found:
        print(f"docs/marks.md:{number}: {fault}")
    return 1 if found or not ROW.search(next(line for line in table.splitlines() if line.startswith("| W-1 "))) else 0


if __name__ == "__main__":
    sys.exit(main())
