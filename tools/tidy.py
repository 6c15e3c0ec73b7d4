"""Tidy test: what no compiler checks. tools/tidy.py [--self-test]

Sources are ASCII, at most 100 columns wide and 1,200 lines long (a generated or data table says
`tidy: table` in its first 15 lines), name no banned word, and are named by a meson.build; every header
is included by somebody; every folder with sources has a README.md; no file has a name that says nothing.
A line may keep a banned word with `// tidy: allow WORD, because REASON`. Prints one line per finding.
"""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

COLUMNS_MAX = 100
LINES_MAX = 1200
HEADER_LINES_MAX = 600  # 250 is usual; beyond this a header is two
EMPTY_NAMES = {"util", "utils", "helper", "helpers", "common", "misc", "manager"}

# word, pattern, where it is at home
BANNED = [
    ("throw", r"\bthrow\b", ()),
    ("dynamic_cast", r"\bdynamic_cast\b", ()),
    ("std::thread", r"\bstd::j?thread\b(?!::id)", ("src/base/thread.",)),
    ("rand", r"\bs?rand\s*\(", ()),
    ("system_clock", r"\bsystem_clock\b", ("src/base/clock.",)),
    ("time", r"(?<![\w.>:])(?:std::)?time\s*\(\s*(?:nullptr|NULL|0|&)", ("src/base/clock.",)),
    ("printf", r"\b(?:std::)?f?printf\s*\(", ("src/base/log.", "src/base/assert.", "src/cli/")),
    ("getenv", r"\bgetenv\s*\(", ("src/cli/", "src/main.cc", "tests/")),
    ("using namespace", r"\busing\s+namespace\b(?!\s+std::(?:string_view_)?literals)", ("tests/",)),
    ("FIXME", r"\bFIXME\b", ()),
    ("XXX", r"\bXXX\b", ()),
]
CODE_ONLY = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|/\*.*?\*/', re.S)
RAW_STRING = re.compile(r'R"(\w*)\(.*?\)\1"', re.S)
IN_COMMENTS_TOO = {"FIXME", "XXX"}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def without_text(source):
    """The code alone: strings and comments become blanks, lines stay where they are."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return CODE_ONLY.sub(blank, RAW_STRING.sub(blank, source))


def check_lines(path, text):
    lines = text.split("\n")
    is_cpp = path.endswith((".cc", ".h"))
    table = any("tidy: table" in line for line in lines[:15])
    if is_cpp and not table:
        limit = HEADER_LINES_MAX if path.endswith(".h") and not path.startswith("tests/") else LINES_MAX
        if len(lines) - 1 > limit:
            yield f"{path}:{limit}: {len(lines) - 1} lines, {limit} at most: split it by concept"
    for number, line in enumerate(lines, 1):
        if not line.isascii():
            yield f"{path}:{number}: not ASCII"
        if len(line) > COLUMNS_MAX and not table and "http" not in line:
            yield f"{path}:{number}: {len(line)} columns, {COLUMNS_MAX} at most"
        if line != line.rstrip():
            yield f"{path}:{number}: blanks at the end of the line"
        if is_cpp and "\t" in line:
            yield f"{path}:{number}: a tab"
    if text and not text.endswith("\n"):
        yield f"{path}:{len(lines)}: no newline at the end"


def check_words(path, text):
    code = without_text(text)
    lines, code_lines = text.split("\n"), code.split("\n")
    for word, pattern, homes in BANNED:
        in_text = word in IN_COMMENTS_TOO
        # Hardly any file has a hit: most are done with one search.
        if any(map(path.startswith, homes)) or not re.search(pattern, text if in_text else code):
            continue
        for number, line in enumerate(lines, 1):
            allowed = f"// tidy: allow {word}, because " in line
            if re.search(pattern, line if in_text else code_lines[number - 1]) and not allowed:
                yield f"{path}:{number}: banned: {word}"


def is_named(path, build, text):
    """Whether this meson.build names the source, by a path from its own folder."""
    relative = os.path.relpath(path, os.path.dirname(build) or ".")
    return f"'{relative}'" in text


def check_tree(files):
    """Rules about files among each other, for a {path: text} of all sources and meson.build files."""
    included = {name for text in files.values() for name in INCLUDE.findall(text)}
    builds = {path: text for path, text in files.items() if path.endswith("meson.build")}
    for path in files:
        pure = pathlib.PurePosixPath(path)
        if pure.suffix == ".cc" and not any(is_named(path, *build) for build in builds.items()):
            yield f"{path}:1: no meson.build names it"
        if pure.suffix == ".h" and path not in included and path not in ("src/pch.h",
                                                                        "src/quickwater_c.h"):
            yield f"{path}:1: nobody includes it"
        if pure.stem in EMPTY_NAMES:
            yield f"{path}:1: the name says nothing: name it after its concept"
    folders = {str(pathlib.PurePosixPath(path).parent) for path in files
               if path.endswith((".cc", ".h")) and not path.startswith("tests/unit/")}
    for folder in sorted(folders):
        if f"{folder}/README.md" not in files:
            yield f"{folder}: no README.md"


def findings(files):
    found = []
    for path, text in sorted(files.items()):
        if path.endswith((".cc", ".h", ".py")) or path.startswith("tools/") and "." not in path:
            found += check_lines(path, text)
        if path.endswith((".cc", ".h")):
            found += check_words(path, text)
    return found + list(check_tree(files))


CLEAN = {
    "storage/README.md": "# storage\n",
    "storage/meson.build": "static_library('qw_storage', 'a.cc')\n",
    "storage/a.cc": '#include "storage/a.h"\n// a throw in a comment\nconst char* s = "throw";\n',
    "storage/a.h": "#pragma once\n",
}
SELF_TEST = [  # (what to change in CLEAN, the finding)
    ({}, None),
    ({"storage/a.h": "int r = rand();\n"}, "storage/a.h:1: banned: rand"),
    ({"storage/a.h": "operand(); x.time(0);\n"}, None),
    ({"storage/a.h": "auto t = time(nullptr);\n"}, "storage/a.h:1: banned: time"),
    ({"storage/a.h": "\nthrow 1;\n"}, "storage/a.h:2: banned: throw"),
    ({"storage/a.h": "throw 1;  // tidy: allow throw, because a test\n"}, None),
    ({"storage/a.h": "// FIXME later\n"}, "storage/a.h:1: banned: FIXME"),
    ({"storage/a.h": "std::thread t;\n"}, "storage/a.h:1: banned: std::thread"),
    ({"storage/a.h": "// caf\u00e9\n"}, "storage/a.h:1: not ASCII"),
    ({"storage/a.h": "//" + "x" * 99 + "\n"}, "storage/a.h:1: 101 columns, 100 at most"),
    ({"storage/a.h": "int x; \n"}, "storage/a.h:1: blanks at the end of the line"),
    ({"storage/a.cc": '#include "storage/a.h"\n' * 1201},
     "storage/a.cc:1200: 1201 lines, 1200 at most: split it by concept"),
    ({"storage/a.cc": "// tidy: table\n" + '#include "storage/a.h"\n' * 1201}, None),
    ({"storage/b.cc": "int x;\n"}, "storage/b.cc:1: no meson.build names it"),
    ({"storage/b.h": "int x;\n"}, "storage/b.h:1: nobody includes it"),
    ({"storage/kv/c.h": '#include "storage/kv/c.h"\n'}, "storage/kv: no README.md"),
    ({"storage/util.h": '#include "storage/util.h"\n'},
     "storage/util.h:1: the name says nothing: name it after its concept"),
]


def self_test():
    failures = 0
    for change, expected in SELF_TEST:
        found = findings({**CLEAN, **change})
        if found != ([expected] if expected else []):
            failures += 1
            print(f"FAIL tidy: expected {expected}, found {found}")
    print(f"{'FAIL' if failures else 'PASS'} tidy: the checker knows right from wrong")
    return failures


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout.split("\n")
    kinds = (".cc", ".h", ".py", "meson.build", "README.md")
    files = {path: (ROOT / path).read_text() for path in listed
             if (path.endswith(kinds) or path.startswith("tools/")) and (ROOT / path).is_file()}
    found = findings(files)
    print("\n".join(found) + ("\n" if found else ""), end="")
    print(f"     {len(files)} files, {len(found)} findings")
    print(f"{'FAIL' if found else 'PASS'} tidy: sources are tidy")
    return len(found)


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
