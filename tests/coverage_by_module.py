"""A pytest plugin: the branch coverage of each module by the tests of that module alone.

`make coverage-units` and `make test-all` load it beside `--cov`. What other tests run of a module counts for nothing:
the tests of a module shall say what it does, and break when it does something else. The run fails where a module falls
below `PERCENT_MIN`.
"""

from __future__ import annotations

import importlib
import io
import os
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import coverage
import pytest

PERCENT_MIN: Final = 85.0
PACKAGES: Final = ("api", "config")
REPOSITORY: Final = Path(__file__).parents[1]
# Run as programs of their own, by `python -m` and by Alembic.
APART: Final = re.compile(r"api/__main__\.py|api/store/migrations/.*")
# Suites that every backend is held to stand for the tests of the modules behind them.
CONTRACTS: Final = {
    "api/store/": "tests/contract/test_store.py",
    "api/broadcast/memory.py": "tests/contract/test_broker.py",
    "api/rate_limiter.py": "tests/contract/test_rate_limiter.py",
}
NO_TEST: Final = ""
"""The context of what runs outside every test: the imports."""


def own_tests(module: str) -> list[str]:
    """Name the test files of a module: `tests/unit/<layer>/test_<module>.py` or `…/test_<module>_*.py`, its contract.

    `module` is a path in the repository, as `api/ws/queue.py`. A package's own file is tested under its name.
    """
    path = Path(module)
    if path.stem == "__init__":
        path = path.parent
    folder = Path("tests/unit", *path.parent.parts[1 if path.parts[0] == "api" else 0 :])
    found = [*folder.glob(f"test_{path.stem}.py"), *folder.glob(f"test_{path.stem}_*.py")]
    found += [Path(suite) for name, suite in CONTRACTS.items() if module.startswith(name)]
    return sorted(file.as_posix() for file in found)


def modules() -> list[str]:
    """List the modules that are measured, as paths in the repository."""
    files = (path for package in PACKAGES for path in Path(package).rglob("*.py"))
    return sorted(path.as_posix() for path in files if not APART.fullmatch(path.as_posix()))


def measure(data_file: str) -> dict[str, float]:
    """Give the percentage of lines and branches of each module that its own tests run."""
    measured = coverage.Coverage(data_file=data_file)
    measured.load()
    return {
        module: measured.report(
            morfs=[module],
            contexts=[f"^{NO_TEST}$", *(f"^{re.escape(test)}$" for test in own_tests(module))],
            file=io.StringIO(),
            skip_covered=False,
        )
        for module in modules()
        if Path(module).read_text()
    }


class CoverageByModule:
    """Tells coverage which file of tests runs, and the reader what came of it."""

    def __init__(self) -> None:
        self._percents: dict[str, float] = {}
        self._running = NO_TEST

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Import every module outside the tests: what an import runs is no test's merit."""
        for name in PACKAGES:
            package = importlib.import_module(name)
            for found in pkgutil.walk_packages(package.__path__, f"{name}."):
                if not APART.fullmatch(found.name.replace(".", "/") + ".py"):
                    importlib.import_module(found.name)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Count what runs in this process, and in those that the test starts, for the file of the test."""
        file = item.path.relative_to(REPOSITORY).as_posix()
        current = coverage.Coverage.current()
        if file != self._running and current is not None:
            self._running = file
            current.switch_context(file)
            current.set_option("run:context", file)
            os.environ["COVERAGE_PROCESS_CONFIG"] = current.config.serialize()
        yield

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the run of whoever fell short."""
        if not hasattr(session.config, "workerinput") and session.exitstatus == pytest.ExitCode.OK:
            self._percents = measure(str(REPOSITORY / ".coverage"))
            if min(self._percents.values()) < PERCENT_MIN:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table, worst last, where it is seen."""
        if self._percents:
            terminalreporter.section("coverage of each module by its own tests")
        for module, percent in sorted(self._percents.items(), key=lambda entry: -entry[1]):
            verdict = "" if percent >= PERCENT_MIN else f"  below {PERCENT_MIN:.0f} %"
            terminalreporter.line(f"{module:40}{percent:6.1f} %{verdict}", red=bool(verdict))


def pytest_configure(config: pytest.Config) -> None:
    """Begin."""
    config.pluginmanager.register(CoverageByModule())
