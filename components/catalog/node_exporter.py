"""Node exporter: CPU, memory and disks of the host.

Collectors: https://github.com/prometheus/node_exporter#collectors
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.context import Context
from components.neighbours import Requests
from components.settings import ServiceSettings
from components.signals import Panel, Rule, Scrape
from components.spec import HealthCheck, Image, Package, Port, Process, Resources, Security, ServiceSpec
from components.units import Bytes, PortNumber

IMAGE = Image(repository="prom/node-exporter", tag="v1.9.1")
# Those that the rules need, and that Linux and macOS both have.
COLLECTORS = ("cpu", "diskstats", "filesystem", "loadavg", "meminfo", "textfile", "time", "uname")
PACKAGE = Package(
    programs=("node_exporter",),
    apt=("prometheus-node-exporter",),
    brew=("node_exporter",),
    aliases={"node_exporter": "prometheus-node-exporter"},
)


class Settings(ServiceSettings):
    """Keys of a node exporter."""

    memory: Annotated[Bytes, Field(ge=16 * 1024**2, description="Hard memory limit.")] = 32 * 1024**2
    port: Annotated[PortNumber, Field(description="Port of its metrics.")] = 9100


_DISKS = '{fstype!~"tmpfs|ramfs|overlay|squashfs|iso9660|fuse.*"}'
PANELS = (
    Panel(
        title="CPU",
        query='100 * (1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m])))',
        unit="percent",
        group="host",
        legend="{{instance}}",
    ),
    Panel(
        title="Memory",
        query="100 * (1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)",
        unit="percent",
        group="host",
        legend="{{instance}}",
    ),
    Panel(
        title="Disks",
        query=f"100 * (1 - min by (device)"
        f" (node_filesystem_avail_bytes{_DISKS} / node_filesystem_size_bytes{_DISKS}))",
        unit="percent",
        group="host",
        legend="{{device}}",
    ),
    Panel(
        title="Free on disk a day from now",
        query=f"min by (device) (predict_linear(node_filesystem_avail_bytes{_DISKS}[6h], 86400))",
        unit="bytes",
        group="host",
        legend="{{device}}",
    ),
    Panel(title="Waiting to run", query="node_load1", group="host", legend="{{instance}}"),
    Panel(
        title="Read from disks",
        query="sum by (device) (rate(node_disk_read_bytes_total[5m]))",
        unit="Bps",
        group="host",
        legend="{{device}}",
    ),
    Panel(
        title="Written to disks",
        query="sum by (device) (rate(node_disk_written_bytes_total[5m]))",
        unit="Bps",
        group="host",
        legend="{{device}}",
    ),
    # Written by whoever makes the backups, as files that this exporter reads; none where none are made.
    Panel(
        title="Since the last backup",
        query="time() - max by (service) (hearth_backup_last_success_timestamp_seconds)",
        unit="dtdurations",
        group="backups",
    ),
    Panel(
        title="Size of the last backup",
        query="max by (service) (hearth_backup_last_bytes)",
        unit="bytes",
        group="backups",
    ),
    Panel(
        title="Since the last drill",
        query="time() - max by (service) (hearth_drill_last_success_timestamp_seconds)",
        unit="dtdurations",
        group="backups",
    ),
)
RULES = (
    Rule(
        name="BackupFailed",
        expr="max by (run) (hearth_backup_run_failed) == 1",
        summary="The last {{ $labels.run }} failed; what was there before is as it was",
        remedy="Read the reason in ./hearth doctor, mend it, and run it by hand",
        runbook="backup-failed",
        severity="critical",
    ),
    Rule(
        name="BackupTooOld",
        expr="time() - max by (service) (hearth_backup_last_success_timestamp_seconds) > 26 * 3600",
        summary="The last good backup of {{ $labels.service }} is {{ humanizeDuration $value }} old",
        remedy="Run the backup by hand and read what it says",
        runbook="backup-failed",
        severity="critical",
    ),
    Rule(
        name="DrillTooOld",
        expr="time() - max by (service) (hearth_drill_last_success_timestamp_seconds) > 8 * 86400",
        summary="No backup of {{ $labels.service }} was restored on trial for {{ humanizeDuration $value }}",
        remedy="Run the drill by hand and read what it says",
        runbook="drill-failed",
    ),
)


def requests(settings: Settings) -> Requests:
    """The host's figures, and those that are left in files for it."""
    return Requests(scrapes=(Scrape(tells_service=True),), rules=RULES, panels=PANELS)


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One node exporter."""
    return ServiceSpec(
        name=context.service,
        type="node-exporter",
        description="Node exporter",
        image=IMAGE,
        package=PACKAGE,
        process=Process(
            argv=(
                "node_exporter",
                f"--web.listen-address={context.listen}:{settings.port}",
                "--collector.disable-defaults",
                *(f"--collector.{name}" for name in COLLECTORS),
                f"--collector.textfile.directory={context.figures.directory}",
                "--log.level=warn",
            ),
        ),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=HealthCheck(http=f"http://127.0.0.1:{settings.port}/"),
        security=Security(uid=65534, host_mounts=context.figures.mounts),
        networks=("monitoring",),
        ports=(Port(name="http", number=settings.port, publish=settings.publish),),
        # CPU and memory are the host's in a container, too; of disks it sees where it lies itself.
        reads=() if context.figures.mounts else (context.figures.directory,),
        notes=("in a container it sees the disk of Docker's own data, and no other",)
        if context.engine
        else (),
    )
