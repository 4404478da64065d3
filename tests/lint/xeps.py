#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks docs/xeps.md and data/spectrum2.doap.xml: each test that the tables name exists, runs on the servers of its row and on
no others; rows are sorted; both files have the same specifications, whole or partly. Run by `meson test xeps`; exits 1 and
names FILE:LINE for each breach. `xeps.py ROOT TEST...` shows on which servers tests run."""

import ast
import pathlib
import re
import sys
import xml.etree.ElementTree as ET

TABLE = "docs/xeps.md"
DOAP = "data/spectrum2.doap.xml"
ROW = re.compile(r"^\| ((?:\d{4}(?:, )?)+) \| (.+) \| (.+) \| (yes|no) \| (yes|no) \| (yes|no) \|$")
TEST = re.compile(r"`(?:(unit/\w+\.c)|(test_\w+\.py)(?:::(\w+))?)`")
HOMES = ("Prosody", "ejabberd", "itself")
XMPP = "{https://linkmauve.fr/ns/xmpp-doap#}"
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"


class Module:
    """The functions, decorators and names of one Python file of the integration tests."""

    known = {}

    def __init__(self, path):
        self.functions, self.names = {}, {}
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self.functions[node.name] = node
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self.names[node.targets[0].id] = node.value
            elif isinstance(node, ast.ImportFrom) and (path.parent / f"{node.module}.py").is_file():
                other = Module.of(path.parent / f"{node.module}.py")
                for alias in node.names:
                    for table, source in ((self.functions, other.functions), (self.names, other.names)):
                        if alias.name in source:
                            table[alias.name] = source[alias.name]

    @classmethod
    def of(cls, path):
        if path not in cls.known:
            cls.known[path] = cls(path)
        return cls.known[path]


SERVERS = {f"{prefix}{kind.lower()}": kind for kind in HOMES[:2] for prefix in ("", "privileged_", "own_", "upload_")}
SERVERS["servers"] = "itself"
# Fixtures whose servers are no homes: a network to go to, and the test's people, who go where it says.
ELSEWHERE = ("abroad", "people")


def constants(module, node):
    """The strings in a piece of source, also those behind names of the module."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value
        elif isinstance(inner, ast.Name) and inner.id in module.names:
            yield from constants(module, module.names[inner.id])


def homes(folder, file, test):
    """The servers that a test runs on: those that it names itself, else those of the fixtures that it takes."""
    module, shared = Module.of(folder / file), Module.of(folder / "conftest.py")

    def words(function):
        yield from (arg.arg for arg in function.args.args)
        for decorator in function.decorator_list:
            yield from constants(module, decorator)

    level, seen, replaced = [module.functions[test]], set(ELSEWHERE), False
    while level:
        said = [word for function in level for word in words(function)]
        replaced = replaced or any(decorator for function in level for decorator in function.decorator_list
                                   if "home" in constants(module, decorator))
        found = {SERVERS[word] for word in said if word in SERVERS}
        if "home" in said and not replaced and "home" not in module.functions:
            found.add("Prosody")
        if found:
            return found
        names = [word for word in said if word not in seen]
        seen.update(names)
        level = [f for name in names if (f := module.functions.get(name) or shared.functions.get(name))]
    return set()


def tests_of(folder, cell):
    """(file, test) of each test that a row names; a whole file stands for all of its tests. Fails by ValueError."""
    for unit, file, test in TEST.findall(cell):
        if unit:
            if not (folder.parent / unit).is_file():
                raise ValueError(f"there is no {unit}")
            continue
        if not (folder / file).is_file():
            raise ValueError(f"there is no {file}")
        functions = Module.of(folder / file).functions
        if test and test not in functions:
            raise ValueError(f"there is no test {test} in {file}")
        yield from ((file, name) for name in ([test] if test else functions) if name.startswith("test_"))


def row_breaches(folder, row):
    try:
        tests = list(tests_of(folder, row[3]))
    except ValueError as fault:
        yield str(fault)
        return
    if not TEST.search(row[3]):
        yield "names no test"
    seen = set().union(*(homes(folder, *test) for test in tests)) if tests else set()
    for home, said in zip(HOMES, row.groups()[3:]):
        if (said == "yes") != (home in seen):
            yield f"says {said} of {home}, its tests run on {', '.join(sorted(seen)) or 'none'}"


def table_breaches(text, folder):
    """(line number, what is wrong)."""
    inside, last = False, ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("| XEP | What | Tests |"):
            inside, last = True, ""
        elif not line:
            inside = False
        if not inside or not re.match(r"\| \d", line):
            continue
        row = ROW.match(line)
        if not row:
            yield number, "is no row: | XEP | what | tests | yes or no of Prosody, of ejabberd, of itself |"
            continue
        if row[1] < last:
            yield number, f"{row[1]} stands behind {last}"
        last = row[1]
        for fault in row_breaches(folder, row):
            yield number, fault


def numbers_of(text):
    return {number for line in text.splitlines() if (row := ROW.match(line)) for number in row[1].split(", ")}


def partial_of(text):
    """Those of the section that says what is missing of them."""
    section = text.partition("\n## Partly\n")[2].partition("\n## ")[0]
    return {number for numbers in re.findall(r"^\| ([\d, ]+) \|", section, re.M) for number in numbers.split(", ")}


def doap_breaches(root, numbers, partial):
    found = []
    for xep in ET.parse(root / DOAP).getroot().iter(f"{XMPP}SupportedXep"):
        link = xep.find(f"{XMPP}xep").get(f"{RDF}resource")
        match = re.fullmatch(r"https://xmpp\.org/extensions/xep-(\d{4})\.html", link)
        if not match:
            yield f"{link} is no XEP"
            continue
        found.append(match[1])
        if not re.fullmatch(r"\d+(\.\d+)+", xep.findtext(f"{XMPP}version", "")):
            yield f"{match[1]} has no version"
        status = "partial" if match[1] in partial else "complete"
        if xep.findtext(f"{XMPP}status") != status:
            yield f"{match[1]} is not {status}, as {TABLE} says"
    if found != sorted(set(found)):
        yield "the specifications are not in order, or one is there twice"
    for number in sorted(numbers ^ set(found)):
        yield f"{number} stands {'here' if number in found else f'in {TABLE}'} only"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2])
    folder = root / "tests/integration"
    if len(sys.argv) > 2:
        for test in sys.argv[2:]:
            file, _, name = test.partition("::")
            for one in [name] if name else [f for f in Module.of(folder / file).functions if f.startswith("test_")]:
                print(f"{file}::{one}", *sorted(homes(folder, file, one)))
        return 0
    text = (root / TABLE).read_text(encoding="utf-8")
    numbers = numbers_of(text)
    found = [f"{TABLE}:{number}: {fault}" for number, fault in table_breaches(text, folder)]
    found += [f"{DOAP}: {fault}" for fault in doap_breaches(root, numbers, partial_of(text))]
    for fault in found:
        print(fault)
    return 1 if found or not numbers else 0


if __name__ == "__main__":
    sys.exit(main())
