"""The instructions that each piece takes, counted by valgrind. Other load on the machine does not
change them, so a difference between two commits comes from the code."""

import os
import re

from .. import programs
from ..bench import Bench, say
from ..report import Section, table

# Counts few runs of a piece and many. The difference excludes what happens before and after.
FEW, MORE = 10, 100
TIMEOUT_S = 600


def run(bench: Bench) -> dict:
    counted = {}
    for program in programs.benches():
        pieces = programs.run([program, "--bench", "--list"], 60).stdout
        for piece in re.findall("(?m)^(.*): benchmark$", pieces):
            few, many = (count(program, piece, times) for times in (FEW, FEW + MORE))
            counted[piece] = round((many - few) / MORE)
            say(f"  {piece:<44} {counted[piece]:,}")
    return counted


def count(program: str, piece: str, times: int) -> int:
    done = programs.run(
        [programs.debian("valgrind"), "--tool=cachegrind", "--cache-sim=no",
         "--cachegrind-out-file=/dev/null", program],
        TIMEOUT_S, env={**os.environ, "PIECE": piece, "TIMES": str(times)},
    )
    return int(re.findall(r"I +refs: +([\d,]+)", done.stderr)[-1].replace(",", ""))


def tell(counted: dict) -> Section:
    text = "The instructions of each piece in the service, counted by valgrind.\n\n"
    text += table(["piece", "instructions"], [[piece, f"{n:,}"] for piece, n in counted.items()])
    return Section("Instructions", text, [])
