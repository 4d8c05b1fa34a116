"""Put small faults into modules, one at a time, and see which of them the modules' own tests do not notice.

    python -m tests.mutants.run [api/rate_limiter.py ...]

Exits with 1 where a fault survives for which `equivalent.toml` gives no reason, or one is there that does not survive.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import CodeType
from typing import Final

import pytest

from tests.coverage_by_module import own_tests
from tests.mutants.faults import Mutant, mutants_of
from tests.mutants.trial import Trial, end

MODULES: Final = (
    "api/broadcast/dispatcher.py",
    "api/store/append_sqlite.py",
    "api/store/writer.py",
    "api/security/tokens.py",
    "api/rate_limiter.py",
    "api/middleware/rate_limit.py",
)
_EQUIVALENT: Final = Path(__file__).with_name("equivalent.toml")
# A fault that takes the tests five times as long, and this besides, has them wait for what will not come.
_SLOWER: Final = 5
_GRACE_S: Final = 10.0


def run(path: str, *, jobs: int) -> Iterator[tuple[Mutant, int | None]]:
    """Try every mutant of a module, `jobs` at a time; gives each with pytest's exit code, None where it never ended."""
    source = Path(path).read_text(encoding="utf-8")
    tests = sorted(own_tests(path), key=lambda test: test.startswith("tests/contract"))
    trial = Trial(path, tests)
    limit_s = _without_fault(trial, compile(source, path, "exec", dont_inherit=True)) * _SLOWER + _GRACE_S
    return _tried(trial, mutants_of(source), limit_s, jobs)


def _without_fault(trial: Trial, code: CodeType) -> float:
    """Run the tests on the module as it is, which has to pass; twice, as the first run says what to import before."""
    started_s = 0.0
    for _ in range(2):
        receiver, sender = multiprocessing.Pipe(duplex=False)
        started_s = time.monotonic()
        process = trial.start(code, sender)
        sender.close()
        trial.warm_up(receiver.recv())
        process.join()
        if process.exitcode != pytest.ExitCode.OK:
            sys.exit(f"{trial.path}: its tests fail without any fault")
    return time.monotonic() - started_s


def _tried(trial: Trial, mutants: Sequence[Mutant], limit_s: float, jobs: int) -> Iterator[tuple[Mutant, int | None]]:
    """Give each mutant with pytest's exit code, None where the run was ended after `limit_s` seconds."""
    waiting = list(reversed(mutants))
    running: dict[int, tuple[BaseProcess, Mutant, float]] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            process = trial.start(mutant.compile(trial.path))
            running[process.sentinel] = (process, mutant, time.monotonic() + limit_s)
        first_end_s = min(end_s for _, _, end_s in running.values())
        ready = wait(list(running), timeout=max(0.0, first_end_s - time.monotonic()))
        for sentinel, (process, mutant, end_s) in tuple(running.items()):
            if sentinel in ready or end_s <= time.monotonic():
                del running[sentinel]
                if sentinel in ready:
                    process.join()  # its end is seen a moment before its exit code is
                    yield mutant, process.exitcode
                else:
                    end(process)
                    yield mutant, None


def main() -> int:
    """Run what the command line names; print the survivors and the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", default=MODULES)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    equivalent = tomllib.loads(_EQUIVALENT.read_text(encoding="utf-8"))
    is_clean = True
    for path in options.modules:
        started_s = time.monotonic()
        reasons = {label for entry in equivalent.get(path, []) for label in entry["mutants"]}
        figures = Counter[str]()
        survivors: set[str] = set()
        for mutant, exit_code in run(path, jobs=options.jobs):
            figures["killed" if exit_code else "timed out" if exit_code is None else "survived"] += 1
            if exit_code == pytest.ExitCode.OK:
                survivors.add(mutant.label)
                if mutant.label not in reasons:
                    _tell(f"{path}:{mutant.line}: survives: {mutant.label}")
        for label in sorted(reasons - survivors):
            _tell(f"{path}: does not survive: {label}")
        shown = ", ".join(f"{figures[name]} {name}" for name in ("killed", "timed out", "survived"))
        _tell(f"{path}: {figures.total()} mutants, {shown} ({time.monotonic() - started_s:.0f} s)")
        is_clean = is_clean and survivors == reasons
    return 0 if is_clean else 1


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
