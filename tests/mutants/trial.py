"""Runs of the tests on a module that may have a fault, each in a child that finds the libraries loaded already."""

from __future__ import annotations

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import multiprocessing
import os
import resource
import signal
import sys
import types
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Final

import pytest

_FORK: Final = multiprocessing.get_context("fork")
# No plugin but those that the tests need, and no rewriting of what they assert: nobody reads why a mutant failed.
_PYTEST: Final = ("-q", "-x", "-m", "not long", "-p", "pytest_asyncio.plugin", "-p", "pytest_timeout")
_QUICK: Final = ("-p", "no:cacheprovider", "--assert=plain")
_OURS: Final = frozenset({"api", "config", "chat_client", "tests"})
_MEMORY_BYTES: Final = 2 << 30  # a mutant that never ends shall not take the machine with it


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a module from code that is at hand."""

    def __init__(self, name: str, path: str, code: types.CodeType) -> None:
        super().__init__(name, path)
        self._code = code

    def get_code(self, fullname: str) -> types.CodeType:
        return self._code


class _Finder(importlib.abc.MetaPathFinder):
    """Finds one module: as `code`, or not at all."""

    def __init__(self, name: str, path: str, code: types.CodeType | None) -> None:
        self._name, self._path, self._code = name, path, code

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        if self._code is None:
            raise ImportError(f"{fullname} is left for the child")
        loader = _Loader(self._name, self._path, self._code)
        return importlib.util.spec_from_file_location(self._name, self._path, loader=loader)


class Trial:
    """The tests of one module, run again and again.

    Args:
        path: of the module in the repository, which is the current folder.
        tests: files, the quickest first; a run ends with the first failure.
    """

    def __init__(self, path: str, tests: Sequence[str]) -> None:
        self.path = path
        self._name = path.removesuffix(".py").replace("/", ".")
        self._tests = tests
        for name in tuple(sys.modules):
            # What was imported to try another module would keep this one, or have it in its original form.
            if name.partition(".")[0] in _OURS and not name.startswith("tests.mutants"):
                del sys.modules[name]

    def warm_up(self, names: Sequence[str]) -> None:
        """Import what a run has imported, all that does not need the module itself."""
        finder = _Finder(self._name, self.path, None)
        sys.meta_path.insert(0, finder)
        for name in names:
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        sys.meta_path.remove(finder)

    def start(self, code: types.CodeType, imported: Connection | None = None) -> BaseProcess:
        """Start a run; the child's exit code is pytest's. `imported` gets the names of all modules at the end."""
        process = _FORK.Process(target=self._run, args=(code, imported))
        process.start()
        return process

    def _run(self, code: types.CodeType, imported: Connection | None) -> None:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_BYTES, _MEMORY_BYTES))
        if imported is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(nowhere, stream)
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        sys.meta_path.insert(0, _Finder(self._name, self.path, code))
        exit_code = pytest.main([*_PYTEST, *_QUICK, *self._tests])
        if imported is not None:
            imported.send([name for name in sys.modules if not name.endswith(("conftest", "__main__"))])
        sys.stdout.flush()
        os._exit(exit_code)  # whatever threads a fault has left


def end(process: BaseProcess) -> None:
    """Kill a run, with all that it has started."""
    if process.pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.join()
