"""Layer checker: tools/layers.py [--self-test]

A file may include its own folder or a lower row, folders of one row never include each other, and
only headers in a module's root folder are seen by other modules. Front ends (row 6) see the engine
through its public face alone. Prints one line per violation; src/README.md draws the picture.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

ROWS = {
    "src/base": 0,
    "src/types": 1, "src/net": 1,
    "storage": 2,
    "sql": 3,
    "views": 4, "ingest": 4,
    "src/engine": 5, "src/quickwater.h": 5, "src/quickwater_c.h": 5, "src/quickwater_c.cc": 5,
    "src/pgwire": 6, "src/http": 6, "src/cli": 6,
    "src/server": 7, "src/bench": 7,
    "src/main.cc": 8,
}
PUBLIC_FACE = {"src/quickwater.h", "src/quickwater_c.h"}
# What a front end may include besides its own folder and the public face.
FRONT_END_MODULES = {"src/base", "src/types", "src/net"}
ANYONE = {"src/pch.h"}

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def module_of(path):
    """The entry of ROWS that a path belongs to: the path itself or one of its folders."""
    candidates = [path, *map(str, pathlib.PurePosixPath(path).parents)]
    return next((c for c in candidates if c in ROWS), None)


def why_forbidden(source, header):
    """The rule that `source` breaks by including `header`, or None."""
    if header in ANYONE or source.startswith("tests/"):
        return None
    own, other = module_of(source), module_of(header)
    if other is None:
        return f"{header} belongs to no module: includes name paths from the repository root"
    if own is None:
        return f"{source} belongs to no module: add its folder to ROWS in tools/layers.py"
    if own == other:
        return None
    if {own, other} <= PUBLIC_FACE | {"src/engine", "src/quickwater_c.cc"}:
        return None
    if ROWS[other] > ROWS[own]:
        return f"{other} (row {ROWS[other]}) lies above {own} (row {ROWS[own]})"
    if ROWS[other] == ROWS[own]:
        return f"{other} and {own} lie in one row"
    if str(pathlib.PurePosixPath(header).parent) != other and other != header:
        return f"{header} is private to {other}: only headers in its root folder are public"
    if ROWS[own] == 6 and other not in FRONT_END_MODULES | PUBLIC_FACE:
        return f"a front end sees src/quickwater.h, base, types and net, not {other}"
    return None


def violations(files):
    """Messages for a {path: text} of sources."""
    found = []
    for path, text in sorted(files.items()):
        for match in INCLUDE.finditer(text):
            reason = why_forbidden(path, match.group(1))
            if reason:
                line = text.count("\n", 0, match.start(1)) + 1
                found.append(f"{path}:{line}: {reason}")
    return found


SELF_TEST = [  # (source, header, is it forbidden?)
    ("src/base/a.cc", "src/base/b.h", False),
    ("src/base/a.cc", "src/types/type.h", True),
    ("src/types/a.cc", "src/net/socket.h", True),
    ("sql/bind/a.cc", "sql/parse/b.h", False),
    ("sql/a.cc", "storage/store.h", False),
    ("sql/a.cc", "storage/kv/lmdb.h", True),
    ("views/a.cc", "ingest/source.h", True),
    ("views/a.cc", "src/engine/engine.h", True),
    ("src/engine/a.cc", "views/dataflow.h", False),
    ("src/engine/a.cc", "src/quickwater.h", False),
    ("src/quickwater.h", "src/types/batch.h", False),
    ("src/pgwire/a.cc", "src/quickwater.h", False),
    ("src/pgwire/a.cc", "src/net/socket.h", False),
    ("src/pgwire/a.cc", "src/engine/engine.h", True),
    ("src/pgwire/a.cc", "sql/plan.h", True),
    ("src/pgwire/a.cc", "src/cli/shell.h", True),
    ("src/server/a.cc", "src/pgwire/server.h", False),
    ("src/main.cc", "src/server/server.h", False),
    ("src/cli/a.cc", "src/server/server.h", True),
    ("src/base/a.cc", "result.h", True),
    ("other/a.cc", "src/base/result.h", True),
    ("tests/unit/sql/a.cc", "sql/parse/b.h", False),
]


def self_test():
    failures = 0
    for source, header, forbidden in SELF_TEST:
        found = violations({source: f'// one\n#include <vector>\n#include "{header}"\n'})
        if bool(found) != forbidden or (found and not found[0].startswith(f"{source}:3: ")):
            failures += 1
            print(f"FAIL layers: {source} including {header}: expected "
                  f"{'a' if forbidden else 'no'} violation, found {found}")
    print(f"{'FAIL' if failures else 'PASS'} layers: the checker knows right from wrong")
    return failures


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    command = ["git", "ls-files", "-co", "--exclude-standard", "*.cc", "*.h"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    listed = [path for path in listed.split() if (ROOT / path).exists()]
    found = violations({path: (ROOT / path).read_text() for path in listed})
    print("\n".join(found) + ("\n" if found else ""), end="")
    print(f"     {len(listed)} files, {len(found)} violations")
    print(f"{'FAIL' if found else 'PASS'} layers: includes go down only")
    return len(found)


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
