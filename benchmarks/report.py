"""The tables as Markdown, each goal with what was found."""

from __future__ import annotations

from collections.abc import Sequence

import psutil

from benchmarks import backup, lifecycle, memory, scale, systems, watching
from benchmarks.front_door import Result
from benchmarks.measure import Sample, percentile

NO_OP_SECONDS = 2.0
UP_RATIO = 2.5
RESOURCE_MS = 8.0
# Cost a resource at the largest size against that at 50 services; 1 is a straight line.
STRAIGHT = 1.25
NGINX_MS = 1.0
NGINX_MIB = 10.0
WATCHING_PERCENT = 5.0
# Against the same tools by hand.
BY_HAND = 1.10
RECOVERY_SECONDS = 600
# Of the largest stack of the project, over an empty program.
PREVIEW_SECONDS = 3.0


def _verdict(met: bool) -> str:
    return "**met**" if met else "**missed**"


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def of_lifecycle(table: lifecycle.Table, missing: str) -> list[str]:
    """Steps as rows, subjects as columns."""
    hearth, empty, peer = table["Hearth"], table["empty program"], table.get("compose")
    rows = []
    for step in lifecycle.STEPS:
        extra = hearth[step].median - empty[step].median
        row = [step, str(hearth[step]), str(empty[step]), f"{extra:.2f}"]
        ratio = [str(peer[step]), f"{hearth[step].median / peer[step].median:.2f}"] if peer else ["-", "-"]
        rows.append([*row, *ratio])
    lines = ["## The `dev` stack: seconds, median (lowest-highest)", ""]
    lines += _table(
        ["", "Hearth", "empty Pulumi program", "Hearth less empty", "docker compose", "Hearth : compose"],
        rows,
    )
    no_op = hearth["no-op up"].median - empty["no-op up"].median
    lines.append(
        f"- No-op `up` at most {NO_OP_SECONDS:g} s over an empty program's: {no_op:.2f} s, "
        f"{_verdict(no_op <= NO_OP_SECONDS)}."
    )
    if peer:
        ratio = hearth["up"].median / peer["up"].median
        lines.append(
            f"- Cold `up` at most {UP_RATIO:g} times compose's: {ratio:.2f}, {_verdict(ratio <= UP_RATIO)}."
        )
    else:
        lines.append(f"- Cold `up` against compose: not measured, there is no compose here: {missing}")
    return [
        *lines, "",
        "Models are left out, for a model hub would be measured. Every run starts without data. Hearth's",
        "`up` also makes secrets, checks configurations in throw-away containers, gives volumes to their",
        "accounts, and makes roles and databases; compose finds files, passwords and directories ready, and",
        "makes no roles. compose's preview is `--dry-run up`, its no-op `up --wait` on what runs already.",
        "compose waits for Docker's health checks, the first after 5 s, of Ollama and then of nginx; Hearth",
        "runs the same checks itself at once, which is most of its lead.",
        "",
    ]  # fmt: skip


def of_scale(points: list[scale.Point], empty: Sample) -> list[str]:
    """A row for each size."""

    def cost(point: scale.Point) -> float:
        return (point.seconds.median - empty.median) * 1000 / point.resources

    rows = [
        [
            str(point.services), str(point.resources), str(point.seconds),
            f"{point.seconds.median * 1000 / point.resources:.1f}", f"{cost(point):.1f}",
            _verdict(cost(point) <= RESOURCE_MS),
        ]
        for point in points
    ]  # fmt: skip
    reference = next(point for point in points if point.services >= 50)
    straight = cost(points[-1]) / cost(reference)
    further = points[-1].seconds.median - points[0].seconds.median
    each = further * 1000 / (points[-1].resources - points[0].resources)
    return [
        "## Preview of N new services", "",
        *_table(["services", "resources", "seconds, median (lowest-highest)", "ms a resource",
                 "over the empty program", f"at most {RESOURCE_MS:g} ms"],
                [["0", "1", str(empty), "-", "-", "-"], *rows]),
        f"- Each further resource, from {points[0].services} to {points[-1].services} services: "
        f"{each:.1f} ms, {_verdict(each <= RESOURCE_MS)}. Few services pay above all for the start of two "
        "plugins and for imports.",
        f"- Linear: {points[-1].services} services cost {straight:.2f} times as much a resource as "
        f"{reference.services} (at most {STRAIGHT:g}), {_verdict(straight <= STRAIGHT)}.", "",
        "Each service is a Redis on the Docker runtime; 0 services is an empty Pulumi program. The language",
        "host of this project waits for all of the program's values at once. Pulumi's SDK, which is all",
        "that the official language host has, looks through them whenever one is ready: expect a cost with",
        "a square part there.",
        "",
    ]  # fmt: skip


def of_systems(found: list[systems.System], empty: Sample) -> list[str]:
    """A row for each stack of the project."""
    rows = [["an empty program", "1", str(empty), "-"]]
    rows += [
        [one.name, str(one.resources), str(one.seconds), f"{one.seconds.median - empty.median:.2f}"]
        for one in found
    ]
    largest = found[-1]
    over = largest.seconds.median - empty.median
    return [
        "## Preview of the project's own stacks, before the first `up`", "",
        *_table(["stack", "resources", "seconds, median (lowest-highest)", "over the empty program"], rows),
        f"- The largest, {largest.name}, at most {PREVIEW_SECONDS:g} s over an empty program's: "
        f"{over:.2f} s, {_verdict(over <= PREVIEW_SECONDS)}.", "",
    ]  # fmt: skip


def of_front_door(result: Result, supervisor: memory.Taken) -> list[str]:
    """Latency and memory."""
    base = result.ways[0].milliseconds
    rows = []
    for way in result.ways:
        found = [percentile(way.milliseconds, share) for share in (0.5, 0.99)]
        added = [value - percentile(base, share) for value, share in zip(found, (0.5, 0.99), strict=True)]
        shown = [f"{value:.2f}" for value in (*found, *added)]
        rows.append([way.name, *(shown if way is not result.ways[0] else [*shown[:2], "-", "-"])])
    user = percentile(result.ways[-1].milliseconds, 0.5) - percentile(base, 0.5)
    nginx = result.nginx
    return [
        f"## nginx: milliseconds a request, {len(base)} requests each over one connection", "",
        *_table(["", "p50", "p99", "added at p50", "added at p99"], rows),
        f"- Under {NGINX_MS:g} ms at p50, Docker's published port included: {user:.2f} ms, "
        f"{_verdict(user < NGINX_MS)}.",
        f"- nginx under {NGINX_MIB:g} MB: {nginx.proportional * 1.048576:.1f} MB, "
        f"{_verdict(nginx.proportional * 1.048576 < NGINX_MIB)}.", "",
        "The request is Ollama's `/api/version`; the ways take turns.", "",
        "## Memory of the platform's own processes: MiB", "",
        *_table(["", "processes", "resident, added up", "proportional (PSS)"], [
            ["nginx, master and workers", *_figures(nginx)],
            ["Hearth with the Docker runtime, after `up`", *_figures(result.own)],
            ["Hearth with supervisord, after `up`: supervisord", *_figures(supervisor)],
        ]),
        "Resident sizes count a page once for each process that shares it; PSS counts it once. With systemd",
        "no process of Hearth's is left either: units belong to systemd itself (not measured here).",
        "",
    ]  # fmt: skip


def of_watching(watchers: Sequence[watching.Watcher]) -> list[str]:
    """A row for each service, and their sum against the host."""
    host, cores = psutil.virtual_memory().total / 1024**2, psutil.cpu_count() or 1
    resident = sum(each.taken.resident for each in watchers)
    used = sum(each.cores for each in watchers)
    rows = [
        [one.service, f"{one.taken.resident:.0f}", f"{one.taken.proportional:.0f}", f"{100 * one.cores:.2f}"]
        for one in watchers
    ]
    shares = {"memory": 100 * resident / host, "CPU": 100 * used / cores}
    return [
        "## Monitoring: what it takes of the host", "",
        *_table(["", "MiB, resident", "MiB, proportional (PSS)", "% of a core"], rows),
        *(
            f"- At most {WATCHING_PERCENT:g} % of the host's {what}: {share:.1f} %, "
            f"{_verdict(share <= WATCHING_PERCENT)}."
            for what, share in shares.items()
        ),
        f"- Memory for a machine with 8 GiB: {100 * resident / 8192:.1f} %.", "",
        f"Under supervisord, with default settings, over {watching.SECONDS} s, while they watch each other",
        f"and {len(watching.WATCHED)} services that have nothing to do. Grafana, which cannot be had from a",
        "package registry, is left out.", "",
    ]  # fmt: skip


_HAND = {
    "Hearth: backup": "pg_dump, restic backup, restic check --read-data",
    "Hearth: storing": "restic backup",
    "Hearth: restore": "restic check --read-data, restic restore, pg_restore",
}


def of_backup(result: backup.Result, recovered: float) -> list[str]:
    """A row for each way, and Hearth's against the same work by hand."""
    mib = result.size / 1024**2
    rows = [
        [name.replace("|", "\\|"), str(taken), f"{mib / taken.median:.0f}"]
        for name, taken in result.seconds.items()
    ]
    goals = []
    for name, peer in _HAND.items():
        ratio = result.seconds[name].median / result.seconds[peer].median
        goals.append(
            f"- {name}, against `{peer}`: {ratio:.2f} times (at most {BY_HAND:g}), "
            f"{_verdict(ratio <= BY_HAND)}."
        )
    for name, peer in (("Hearth: backup", "pg_dump | zstd"), ("Hearth: restore", "zstd -d | psql")):
        ratio = result.seconds[name].median / result.seconds[peer].median
        goals.append(f"- {name}, against `{peer}`, which checks nothing: {ratio:.2f} times.")
    return [
        f"## Backup and restore of a PostgreSQL of {mib:.0f} MiB", "",
        *_table(["", "seconds, median (lowest-highest)", "MiB/s"], rows),
        *goals,
        f"- A whole stack from its repository alone, in at most {RECOVERY_SECONDS} s: {recovered:.0f} s, "
        f"{_verdict(recovered <= RECOVERY_SECONDS)}.", "",
        f"{backup.ROWS:,} rows, in a repository that has none of them. Hearth's backup also captures the",
        "stack itself, counts and hashes every row, and reads it all back. Its restore verifies the whole",
        "repository, stops and starts the server, and captures it once more to compare. The stack that comes",
        "back is Redis, PostgreSQL with the same rows, and Alertmanager, without models, its programs",
        "installed before.",
        "",
    ]  # fmt: skip


def _figures(taken: memory.Taken) -> list[str]:
    return [str(taken.processes), f"{taken.resident:.1f}", f"{taken.proportional:.1f}"]
