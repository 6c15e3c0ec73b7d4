"""Long runs, by number and with a ledger, so that they can be spread out over days and machines.

    tools/long                              what there is, and how far the ledger says it has come
    tools/long RUN [--from N] [--count N]   tries the numbers N.. of a run, in slices

Each slice appends one JSON line to the ledger (--ledger FILE, default tests/ledger.jsonl): the run,
its range, how many failed, how long it took, the commit. Of a number the newest line counts.
Without --from a run goes on at the first number that has not passed. Numbers decide everything
random about a case, so that any of them can be repeated; what fails says so on stdout, and the run
goes on. Build first: tools/build.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "release"
FAILURE_LINE = re.compile(r"^FAIL |\[error\]")


@dataclasses.dataclass
class Run:
    """Numbers are tried in slices of whole `unit`s, `slice` numbers or fewer at once. Which ones a
    program sees in --from and --count, and in QUICKWATER_FROM and QUICKWATER_COUNT."""
    command: list
    what: str
    goal: int
    unit: int
    slice: int
    seconds_max: int = 3600
    options: bool = True  # False: it has such options for something else


def python(*words):
    return [sys.executable, *[str(word) for word in words]]


RUNS = {
    "storage-kill": Run([BUILD / "tests/crash/storage_kill"],
                        "the store alone, kill -9: rounds", 1000, 40, 200),
    "storage-power": Run([BUILD / "tests/crash/storage_power"],
                         "the store alone, power cuts: states", 10000, 1, 900),
    "simulation": Run([BUILD / "tests/crash/simulation"],
                      "the engine, its disk and upstreams simulated: seeds", 10000, 1, 500),
    "power": Run(python(ROOT / "tests/crash/power_cuts.py"),
                 "the server, power cuts: states", 10000, 1, 250),
    "damage": Run(python(ROOT / "tests/crash/damage.py"),
                  "data directories with one place damaged: numbers", 5000, 1, 250),
    "kill": Run(python(ROOT / "tests/crash/server_kill.py"),
                "the server with real peers, kill -9: rounds", 1000, 50, 50),
    "views": Run([BUILD / "tests/unit/views/unit_views", "--no-skip", "-tc=a range of seeds"],
                 "random views against their plans computed anew, in process: seeds", 1_000_000, 1,
                 20_000, options=False),
    "exhaustive": Run([BUILD / "tests/unit/views/unit_views", "--no-skip",
                       "-tc=every pair of small tables in every order"],
                      "operators of two inputs, small tables in every order: pairs of tables",
                      36_750, 1, 1225, options=False),
    "oracle": Run(python(ROOT / "tests/oracle/oracle.py", "--long"),
                  "random views against PostgreSQL: cases", 1_000_000, 1, 2000),
    "hostile": Run(python(ROOT / "tests/e2e/hostile.py"),
                   "hostile statements within --memory-limit: numbers", 1300, 1, 650),
}


def ledger_lines(ledger):
    if not ledger.exists():
        return []
    return [json.loads(line) for line in ledger.read_text().splitlines() if line.strip()]


def standing(name, ledger):
    """(from, end, failures) of ranges that do not overlap, by number: what the newest line says."""
    lines = [line for line in ledger_lines(ledger) if line["run"] == name]
    borders = sorted({line["from"] for line in lines}
                     | {line["from"] + line["count"] for line in lines})
    found = []
    for first, end in zip(borders, borders[1:]):
        covering = [line for line in lines
                    if line["from"] <= first and end <= line["from"] + line["count"]]
        if covering:
            found.append((first, end, max(covering, key=lambda line: line["at"])["failures"]))
    return found


def first_to_try(name, ledger):
    at = 0
    for first, end, failures in standing(name, ledger):
        if first > at or failures:
            break
        at = end
    return at


def overview(ledger):
    for name, run in RUNS.items():
        ranges = standing(name, ledger)
        passed = sum(end - first for first, end, failures in ranges if not failures)
        print(f"{name:15} {passed:9} of {run.goal:9} passed   {run.what}")
        for first, end, failures in ranges:
            if failures:
                print(f"                {failures} failed in {first} to {end - 1}")


def run_slice(name, run, first, count):
    """(failures, seconds); a program that dies or says nothing has failed."""
    began = time.monotonic()
    numbers = ["--from", str(first), "--count", str(count)] if run.options else []
    command = [*run.command, *numbers]
    environment = {**os.environ, "QUICKWATER_TEST": "long",
                   "QUICKWATER_FROM": str(first), "QUICKWATER_COUNT": str(count)}
    try:
        done = subprocess.run([str(word) for word in command], cwd=ROOT, env=environment,
                              capture_output=True, text=True, errors="replace",
                              timeout=run.seconds_max)
        output, status = done.stdout + done.stderr, done.returncode
    except subprocess.TimeoutExpired as error:
        output, status = f"no end after {error.timeout} s", None
    sums = [json.loads(line)["failures"] for line in output.splitlines()
            if line.startswith("{") and '"failures"' in line]
    failures = sums[-1] if sums else 1
    if status != 0 and failures == 0:
        failures = 1
    if failures:
        print(output.rstrip())
    return failures, time.monotonic() - began


def commit():
    """With -dirty where more than the ledger differs from it."""
    head = subprocess.run(["git", "describe", "--always", "--abbrev=12", "--exclude=*"], cwd=ROOT,
                          capture_output=True, text=True).stdout.strip()
    rest = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", ":!tests/ledger.jsonl"],
                          cwd=ROOT)
    return head + ("-dirty" if rest.returncode else "")


def go(name, first, count, ledger):
    run = RUNS[name]
    if first is None:
        first = first_to_try(name, ledger)
    if first % run.unit or count % run.unit:
        sys.exit(f"{name} goes in units of {run.unit}")
    failed, end = 0, first + count
    ledger.parent.mkdir(parents=True, exist_ok=True)
    while first < end:
        some = min(run.slice, end - first)
        failures, seconds = run_slice(name, run, first, some)
        failed += failures
        line = {"run": name, "from": first, "count": some, "failures": failures,
                "seconds": round(seconds, 1), "commit": commit(),
                "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        with open(ledger, "a") as file:
            file.write(json.dumps(line) + "\n")
        outcome = "FAIL" if failures else "PASS"
        print(f"{outcome} {name}: {first} to {first + some - 1} ({seconds:.1f} s)", flush=True)
        first += some
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="?", choices=RUNS)
    parser.add_argument("--from", dest="first", type=int, default=None)
    parser.add_argument("--count", type=int, default=None)
    parser.add_argument("--ledger", type=pathlib.Path, default=ROOT / "tests" / "ledger.jsonl")
    options = parser.parse_args()
    if not options.run:
        return overview(options.ledger)
    count = options.count or RUNS[options.run].slice
    sys.exit(1 if go(options.run, options.first, count, options.ledger) else 0)


if __name__ == "__main__":
    main()
