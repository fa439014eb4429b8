"""scripts/benchmark: runs groups of benchmarks and reports their results."""

import argparse
import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path

from . import machine, postgres, programs, report
from .bench import Bench, Options, say
from .groups import GROUPS, ON_DEMAND


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/benchmark",
        description="Measures the service and its contenders, and writes docs/benchmarks.",
        epilog="`scripts/benchmark pieces` runs the Criterion benches. `scripts/benchmark report` "
               "writes the page again from existing results.",
    )
    parser.add_argument("groups", nargs="*", metavar="GROUP",
                        help=f"one of {', '.join(GROUPS)}. Default: all except "
                             f"{', '.join(ON_DEMAND)}.")
    parser.add_argument("--seconds", type=int, default=5,
                        help="seconds per measurement. Default: 5.")
    parser.add_argument("--rounds", type=int, default=3,
                        help="measurements of each contender. Default: 3.")
    parser.add_argument("--trial", action="store_true",
                        help="only check that everything runs: with a debug build, 1,000 addresses "
                             "and one round of a second. Writes to target/benchmark/trial.")
    parsed = parser.parse_args()
    unknown = set(parsed.groups) - {*GROUPS, "report"}
    if unknown:
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    return parsed


def main() -> None:
    parsed = arguments()
    # Settings of the service in the environment must not affect the measured one.
    for name in [*os.environ]:
        if name.startswith("ADDRESSBOOK_") or name == "DATABASE_URL":
            del os.environ[name]
    target = Path("target/benchmark").resolve()
    folder, options = Path("docs/benchmarks"), Options(1, parsed.seconds, 1, parsed.rounds)
    if parsed.trial:
        folder, options = target / "trial", Options(0.001, 1, 0, 1)
        programs.profile = "dev"
    results = folder / "results"
    for path in (target, results):
        path.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    chosen = parsed.groups or [name for name in GROUPS if name not in ON_DEMAND]
    for name in [name for name in GROUPS if name in chosen]:
        say(f"== {name}")
        started = time.monotonic()
        with contextlib.ExitStack() as stack:
            stack.enter_context(machine.without_autogroups())
            bench = Bench(options, target, stack)
            measured = GROUPS[name].run(bench)
            about = {
                "commit": machine.commit(), "date": machine.date(), "seconds": options.seconds,
                "rounds": options.rounds, "addresses": bench.data().addresses,
                "machine": machine.machine(postgres.settings()),
            }
        raw = {"about": about, "measured": measured}
        (results / f"{name}.json").write_text(json.dumps(raw, indent=1) + "\n")
        say(f"  took {time.monotonic() - started:.0f} s")
    claims = report.write(folder, GROUPS)
    if not parsed.trial: # a trial says nothing about the claims
        print(claims)
    say(f"written to {folder}")


main()
