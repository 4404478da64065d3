# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads what tsung has counted: tsung.py LOG USERS MESSAGES CLOCK_TICKS. Exit status 1 unless everything was answered."""

import os
import re
import sys

LINE = re.compile(r"^stats: (\S+) (.*)$")


def read(path):
    """The last line of each counter: {name: numbers}."""
    found = {}
    with open(path, encoding="utf-8") as log:
        for line in log:
            if match := LINE.match(line):
                found[match[1]] = [float(number) for number in match[2].split() if re.match(r"^-?[\d.e+-]+$", number)]
    return found


def main():
    path, users, messages, ticks = sys.argv[1], *map(int, sys.argv[2:])
    found = read(path)
    seconds = ticks / os.sysconf("SC_CLK_TCK")
    print(f"{users} users, {users * messages} messages; the main process took {seconds:.2f} s of CPU")
    counts = {}
    for name in ("connect", "auth", "bind", "roster", "echo"):
        # In this interval: count, mean, deviation, most, least; then mean and count of all before.
        numbers = found.get(f"tr_{name}", [0] * 7)
        count, mean, before, counted = numbers[0], numbers[1], numbers[5], numbers[6]
        counts[name] = int(count + counted)
        average = (mean * count + before * counted) / counts[name] if counts[name] else 0
        print(f"{name:<8} {counts[name]:>7}   mean {average:.2f} ms   most {numbers[3]:.1f} ms")
    wanted = {"auth": users, "bind": users, "roster": users, "echo": users * messages}
    missing = {name: f"{counts[name]} of {number}" for name, number in wanted.items() if counts[name] != number}
    errors = {name: numbers for name, numbers in found.items() if name.startswith("error") or name.startswith("nomatch_")}
    if missing or errors:
        print(f"missing: {missing}; errors: {errors}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
