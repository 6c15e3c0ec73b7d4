"""Runs all tests and ends with one line: N passed, N failed.

    tools/test           everything: the quick stages, sanitizers, real peers, oracle, crash samples
    tools/test quick     what one runs before a commit
    tools/test long      everything, longer, with clang-tidy on all files and the thread sanitizer
    tools/test --only unit,slt      some stages, in the order below

What counts as a test: a doctest case, an .slt file, a PASS or FAIL line of an end-to-end module or
of the oracle, a checker, a build, a file under clang-tidy. A stage without a single test is a
failure, as is one that dies. What a passing test printed is dropped, what a failing one printed is
shown.
"""

import concurrent.futures
import fnmatch
import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOOLS = ROOT / "tools"
JOBS = max(1, min(os.cpu_count() or 1, int(os.environ.get("QUICKWATER_JOBS") or 2)))
TEST_SECONDS_MAX = 900
# A whole run must fit into what continuous integration grants; `long` has no such end.
RUN_SECONDS_MAX = 75 * 60
DEADLINE = time.monotonic() + (RUN_SECONDS_MAX if "long" not in sys.argv else 1_000_000)
OUTPUT_LINES_MAX = 60
SANITIZER_STACK_BYTES = 64 << 20
POWER_CUTS = 150
DAMAGES = 100
# What `long` tries of each run of tools/long; the rest is for days.
LONG_SHARES = {"storage-kill": 200, "storage-power": 1800, "power": 500}

SANITIZER_ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1",
    "LSAN_OPTIONS": f"suppressions={ROOT / 'tests' / 'lsan.supp'}:print_suppressions=0",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": f"suppressions={ROOT / 'tests' / 'tsan.supp'}:halt_on_error=1",
}


class Report:
    """Counts tests. Stages call passed() and failed(); the driver closes each stage.

    tests/not_yet.txt has patterns of tests that have not been seen to pass, `PATTERN  # reason` a
    line. They run; a failing one counts as skipped, a passing one is named, so that its line goes.
    """

    def __init__(self, not_yet=()):
        self.pass_count = 0
        self.fail_count = 0
        self.skip_count = 0
        self.failures = []
        self.not_yet = list(not_yet)
        self.early = []  # passed although listed

    @property
    def count(self):
        return self.pass_count + self.fail_count + self.skip_count

    def is_not_yet(self, name):
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.not_yet)

    def passed(self, name=None, count=1):
        self.pass_count += count
        if name and self.is_not_yet(name):
            self.early.append(name)

    def skipped(self, name):
        self.skip_count += 1
        print(f"SKIP {name}")

    def failed(self, name, output=""):
        if self.is_not_yet(name):
            self.skipped(f"{name} (not yet)")
        else:
            self.fail_count += 1
            self.failures.append(name)
            print(f"FAIL {name}")
        lines = output.rstrip().splitlines()
        if len(lines) > OUTPUT_LINES_MAX:
            half = OUTPUT_LINES_MAX // 2
            lines = lines[:half] + [f"... {len(lines) - 2 * half} lines ..."] + lines[-half:]
        for line in lines:
            print(f"    {line[:400]}")
        sys.stdout.flush()


def run(command, seconds_max=TEST_SECONDS_MAX, environment=None):
    """Runs a program to its end; returns (exit status, output), status None after a time-out."""
    seconds = max(1, min(seconds_max, DEADLINE - time.monotonic()))
    process = subprocess.Popen(
        [str(word) for word in command], cwd=ROOT, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})})
    try:
        output, _ = process.communicate(timeout=seconds)
        return process.returncode, output.decode(errors="replace")
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)  # the end-to-end harness stops its peers then
        try:
            output, _ = process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
        return None, f"{output.decode(errors='replace')}\nno end after {seconds:.0f} s"


def in_parallel(jobs):
    """Runs (name, command, environment) jobs, a core each; yields (name, status, output)."""
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        futures = [(job[0], pool.submit(run, job[1], environment=job[2])) for job in jobs]
        for name, future in futures:
            yield (name, *future.result())


def count_lines(report, name, status, output):
    """Takes over the PASS and FAIL lines of a program; its exit status must agree with them."""
    lines = re.findall(r"^(PASS|FAIL) (.*?)(?: \([\d.]+ s\)| \(seed \d+\))?$", output, re.M)
    passes = [test for outcome, test in lines if outcome == "PASS"]
    failures = [test for outcome, test in lines if outcome == "FAIL"]
    for test in passes:
        report.passed(test)
    shown = False
    for test in failures:
        report.failed(test, "" if shown else output)
        shown = True
    if not failures and (status != 0 or not passes):
        reason = f"exit status {status}" if status != 0 else "ran no test"
        report.failed(f"{name}: {reason}", output)


def git(*words):
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True).stdout.split()


def sources():
    return [path for path in git("ls-files", "-co", "--exclude-standard", "*.cc", "*.h")
            if (ROOT / path).is_file()]


def changed_sources():
    """Sources changed since this branch left main; on main itself, since the last commit."""
    head = git("rev-parse", "HEAD")
    bases = [git("merge-base", "HEAD", "origin/main"), git("merge-base", "HEAD", "main"),
             git("rev-parse", "HEAD~1")]
    base = next((base for base in bases if base and base != head), head)
    changed = git("diff", "--name-only", *base, "--") + git("ls-files", "-o", "--exclude-standard")
    return [path for path in sources() if path in set(changed)]


def stage_format(report, _):
    status, output = run([TOOLS / "format", "--check"])
    wrong = re.findall(r"^(\S+?):\d+:\d+: error: code should be clang-formatted", output, re.M)
    if status == 0:
        report.passed()
    elif wrong:
        names = "\n".join(sorted(set(wrong)))
        report.failed("format", f"tools/format mends these files:\n{names}")
    else:
        report.failed("format", output)


def stage_layers(report, _):
    for options in (["--self-test"], []):
        count_lines(report, "layers", *run([sys.executable, TOOLS / "layers.py", *options]))


def stage_tidy(report, _):
    for options in (["--self-test"], []):
        count_lines(report, "tidy", *run([sys.executable, TOOLS / "tidy.py", *options]))


def build(report, kind, *targets):
    began = time.monotonic()
    status, output = run([TOOLS / "build", kind, *targets], seconds_max=3600)
    if status != 0:
        report.failed(f"build {kind}", output)
        return False
    print(f"     built {kind} in {time.monotonic() - began:.0f} s")
    report.passed()
    return True


def stage_build(report, _):
    build(report, "release")


def unit_tests(report, kind):
    listing = subprocess.run(["meson", "introspect", "--tests", f"build/{kind}"], cwd=ROOT,
                             capture_output=True, text=True).stdout
    tests = [test for test in json.loads(listing or "[]") if "quickwater:unit" in test["suite"]]
    jobs = [(test["name"], test["cmd"], {**SANITIZER_ENVIRONMENT, **test["env"]})
            for test in tests]
    for name, status, output in in_parallel(jobs):
        summary = re.search(r"test cases:\s*(\d+)\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed", output)
        passes, failures = (int(summary[2]), int(summary[3])) if summary else (0, 0)
        report.passed(count=passes)
        if status != 0 or failures or not passes:
            outcome = f"{failures} of {passes + failures} cases failed, exit status {status}"
            report.failed(f"{kind} {name}", f"{outcome}\n{output}")
    if not jobs:
        report.failed(f"{kind} unit: no unit tests", listing)


def has_binary(report, stage):
    """False until the project builds one; the stages that need it are skipped, and say so."""
    if (ROOT / "src" / "main.cc").exists():
        return True
    report.skipped(f"{stage}: there is no binary yet")
    return False


def slt_tests(report, kind):
    if not has_binary(report, f"{kind} slt"):
        return
    files = sorted((ROOT / "tests" / "sql").rglob("*.slt"))
    binary = ROOT / "build" / kind / "quickwater"
    jobs = [(str(file.relative_to(ROOT)), [binary, "test", file], SANITIZER_ENVIRONMENT)
            for file in files]
    for name, status, output in in_parallel(jobs):
        if status == 0:
            report.passed(f"{kind} {name}")
        else:
            report.failed(f"{kind} {name}", output)


def stage_unit(report, _):
    unit_tests(report, "release")


def stage_slt(report, _):
    slt_tests(report, "release")


def stage_clang_tidy(report, mode):
    files = [path for path in (sources() if mode == "long" else changed_sources())
             if path.endswith(".cc")]
    if not files:
        print("     no changed source file, nothing to do")
        return
    database = tidy_database()
    jobs = [(path, ["clang-tidy-14", "-p", database, "--quiet", path], None) for path in files]
    for name, status, output in in_parallel(jobs):
        if status == 0:
            report.passed(f"clang-tidy {name}")
        else:
            report.failed(f"clang-tidy {name}", output)


def tidy_database():
    """The compile commands as clang takes them: without gcc's warnings and precompiled header."""
    commands = json.loads((ROOT / "build" / "release" / "compile_commands.json").read_text())
    for entry in commands:
        command = re.sub(r" -W\S+| -fpch-\S+| -include \S*pch\S*", "", entry["command"])
        entry["command"] = re.sub(r"^ccache ", "", command)
    folder = ROOT / "build" / "clang-tidy"
    folder.mkdir(exist_ok=True)
    (folder / "compile_commands.json").write_text(json.dumps(commands))
    return folder


def grant_large_stacks():
    """Sanitized frames are several times larger than those the nesting limits are made for."""
    hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
    resource.setrlimit(resource.RLIMIT_STACK, (SANITIZER_STACK_BYTES, hard))


def stage_asan(report, _):
    grant_large_stacks()
    if build(report, "asan"):
        unit_tests(report, "asan")
        slt_tests(report, "asan")


def stage_tsan(report, _):
    grant_large_stacks()
    if build(report, "tsan"):
        unit_tests(report, "tsan")


def stage_e2e(report, mode):
    if not has_binary(report, "e2e"):
        return
    files = sorted((ROOT / "tests" / "e2e").glob("*_test.py"))
    environment = {"QUICKWATER_TEST": mode}
    for file in files:  # one after the other: each wants the machine's cores and its own peers
        count_lines(report, file.name, *run([sys.executable, file], environment=environment))


def stage_crash(report, mode):
    """Crashes of the store and of the server by number; `long` goes on where its ledger ends."""
    if not has_binary(report, "crash"):
        return
    programs = ROOT / "build" / "release" / "tests" / "crash"
    for name in ("storage_kill", "storage_power"):
        status, output = run([programs / name])
        if status == 0:
            report.passed(f"crash {name}")
        else:
            report.failed(f"crash {name}", output)
    count_lines(report, "power_cuts", *run(
        [sys.executable, ROOT / "tests" / "crash" / "power_cuts.py", "--count", POWER_CUTS]))
    count_lines(report, "damage", *run(
        [sys.executable, ROOT / "tests" / "crash" / "damage.py", "--count", DAMAGES]))
    if mode == "long":
        for name, count in LONG_SHARES.items():
            count_lines(report, name, *run([TOOLS / "long", name, "--count", count],
                                           seconds_max=7200))


def stage_oracle(report, mode):
    if not has_binary(report, "oracle"):
        return
    cases = 20000 if mode == "long" else 2000
    count_lines(report, "oracle", *run([TOOLS / "oracle", "--cases", cases], seconds_max=7200))


STAGES = {
    "format": stage_format, "layers": stage_layers, "tidy": stage_tidy, "build": stage_build,
    "unit": stage_unit, "slt": stage_slt, "clang-tidy": stage_clang_tidy,
    "asan": stage_asan, "e2e": stage_e2e, "crash": stage_crash, "oracle": stage_oracle,
    "tsan": stage_tsan,
}
QUICK = ["format", "layers", "tidy", "build", "unit", "slt", "clang-tidy"]
FULL = QUICK + ["asan", "e2e", "crash", "oracle"]
MODES = {"quick": QUICK, "full": FULL, "long": FULL + ["tsan"]}


def main():
    arguments = sys.argv[1:]
    mode, chosen = "full", None
    while arguments:
        word = arguments.pop(0)
        if word in MODES:
            mode = word
        elif word == "--only" and arguments:
            chosen = arguments.pop(0).split(",")
        else:
            sys.exit(__doc__)
    listed = (ROOT / "tests" / "not_yet.txt").read_text().splitlines()
    names = [line.partition("#")[0].strip() for line in listed]
    report = Report(name for name in names if name)
    for name in [stage for stage in STAGES if stage in (chosen or MODES[mode])]:
        before, began = (report.count, report.fail_count), time.monotonic()
        print(f"==== {name}", flush=True)
        try:
            STAGES[name](report, mode)
        except Exception as error:  # a stage that dies is a failed test, the others still run
            report.failed(f"{name}: {type(error).__name__}: {error}")
        if report.count == before[0] and name != "clang-tidy":  # there may be no changed file
            report.failed(f"{name}: ran no test")
        tests, failures = report.count - before[0], report.fail_count - before[1]
        took = time.monotonic() - began
        print(f"     {tests} tests, {failures} failed, {took:.1f} s", flush=True)
    for name in report.early:
        print(f"passes, take it off tests/not_yet.txt: {name}")
    for failure in report.failures:
        print(f"failed: {failure}")
    skips = f", {report.skip_count} skipped" if report.skip_count else ""
    print(f"{report.pass_count} passed, {report.fail_count} failed{skips}")
    sys.exit(0 if report.fail_count == 0 else 1)


if __name__ == "__main__":
    main()
