"""Run workloads on this server and its peers, one after the other, round by round; write the figures."""

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from bench import town, workloads
from bench.cpu import machine
from bench.crowd import Figures
from bench.servers import LOAD_CORE, Floor, Ours, Peer, Server, SocketIo, Tutorial, WebsocketsBroadcast, running
from bench.workloads import Town

OPEN_FILES: Final = 16_000


@dataclass(frozen=True)
class Workload:
    """One kind of work: the town that it needs, and whether other servers can do it."""

    rooms: int
    members: int
    run: Callable[[Server, Town], Figures]
    has_peers: bool = False
    has_floor: bool = False


WORKLOADS: Final = {
    "W1a": Workload(1, 500, partial(workloads.fan_out_in_flight, seconds=3), has_peers=True, has_floor=True),
    "W1b": Workload(1, 500, partial(workloads.fan_out_paced, seconds=5, per_second=40), has_peers=True, has_floor=True),
    "W1c": Workload(1, 500, partial(workloads.fan_out_paced, seconds=5, per_second=2_000, senders=20)),
    "W2a": Workload(200, 5, partial(workloads.many_rooms, seconds=3), has_peers=True),
    "W2b": Workload(200, 5, partial(workloads.many_rooms, seconds=5, per_second=1_000)),
    "W3": Workload(1_000, 5, workloads.idle),
    "W4": Workload(420, 5, workloads.connects, has_peers=True),
    "W5": Workload(50, 1, partial(workloads.acknowledgements, seconds=3)),
    "W5p": Workload(50, 1, partial(workloads.acknowledgements, seconds=5, per_second=2_000)),
    "W6": Workload(1, 550, partial(workloads.fan_out_past_stalled, seconds=60, per_second=40)),
}


def peers_of(workload: Workload, data_dir: Path, *, alone: bool) -> list[Peer]:
    """List who does this work here."""
    peers: list[Peer] = [Ours(data_dir)]
    if not alone and workload.has_peers:
        peers += [Tutorial(), WebsocketsBroadcast(), SocketIo()]
    if not alone and workload.has_floor:
        peers.append(Floor())
    return [peer for peer in peers if peer.is_installed]


def measure(names: Sequence[str], rounds: int, *, alone: bool) -> dict[str, dict[str, list[Figures]]]:
    """Run everything; gives the figures of every round by workload and peer."""
    found: dict[str, dict[str, list[Figures]]] = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        for workload_name in names:
            workload = WORKLOADS[workload_name]
            seeded = folder / workload_name
            rooms = town.build(seeded, workload.rooms, workload.members)
            peers = peers_of(workload, seeded, alone=alone)
            for number in range(rounds):
                for peer in peers:
                    _show(f"{workload_name} {number + 1}/{rounds} {peer.name}")
                    with running(peer, folder / f"{workload_name}-{number}-{peer.name}") as server:
                        figures = workload.run(server, rooms)
                    found[workload_name][peer.name].append(figures)
                    _show(f"{workload_name} {number + 1}/{rounds} {peer.name}: {_told(figures)}\n")
    return found


def medians(rounds: Sequence[Figures]) -> Figures:
    """Give the median of each figure."""
    return {name: statistics.median(figures[name] for figures in rounds) for name in rounds[0]}


def _told(figures: Figures) -> str:
    return ", ".join(f"{name} {value:,.2f}" for name, value in figures.items())


def _show(text: str) -> None:
    sys.stderr.write(f"\r\x1b[K{text}")
    sys.stderr.flush()


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("workloads", nargs="*", choices=[*WORKLOADS, []], default=[])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--alone", action="store_true", help="without the peers")
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    options = parser.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    found = measure(options.workloads or list(WORKLOADS), options.rounds, alone=options.alone)
    report = {
        "machine": machine(),
        "python": sys.version.split()[0],
        "at": time.strftime("%Y-%m-%d"),
        "rounds": found,
        "medians": {name: {peer: medians(rounds) for peer, rounds in peers.items()} for name, peers in found.items()},
    }
    text = json.dumps(report, indent=1)
    if options.out is None:
        sys.stdout.write(text + "\n")
    else:
        options.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
