"""What a process used, by the operating system's accounting (Linux)."""

import re
from pathlib import Path


def cpu_s(pid: int) -> float:
    """Sum the seconds that all threads of a process ran, user and system; its ended threads do not count."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def memory_bytes(pid: int) -> int:
    """Give the proportional set size of a process."""
    found = re.search(r"^Pss:\s+(\d+) kB$", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    if found is None:
        raise ValueError("no Pss in smaps_rollup")
    return int(found[1]) * 1024


def machine() -> str:
    """Name the processor and the kernel."""
    info = Path("/proc/cpuinfo").read_text()
    found = re.search(r"^model name\s*: (.+)$", info, re.MULTILINE)
    cores = len(re.findall(r"^processor\s*:", info, re.MULTILINE))
    kernel = Path("/proc/sys/kernel/osrelease").read_text().strip()
    return f"{cores} x {found[1] if found else 'unknown'}, Linux {kernel}"
