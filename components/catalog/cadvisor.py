"""cAdvisor: what each container takes of the host.

Flags: https://github.com/google/cadvisor/blob/master/docs/runtime_options.md
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.context import Context
from components.neighbours import Requests
from components.settings import ServiceSettings
from components.signals import Panel, Probe, Rule, Scrape
from components.spec import HealthCheck, Image, Package, Port, Process, Resources, Security, ServiceSpec
from components.units import Bytes, PortNumber

IMAGE = Image(repository="gcr.io/cadvisor/cadvisor", tag="v0.52.1", program="/usr/bin/cadvisor")
PACKAGE = Package(programs=("cadvisor",), apt=("cadvisor",))
# One daemon may run several stacks, with services of the same names.
_OURS = 'container_label_hearth_stack="$stack",container_label_hearth_service!=""'
_LABEL = "{{container_label_hearth_service}}"
PANELS = (
    Panel(
        title="CPU of containers",
        query="100 * sum by (container_label_hearth_service)"
        f" (rate(container_cpu_usage_seconds_total{{{_OURS}}}[5m]))",
        unit="percent",
        group="processes",
        legend=_LABEL,
    ),
    Panel(
        title="Memory of containers",
        query=f"sum by (container_label_hearth_service) (container_memory_working_set_bytes{{{_OURS}}})",
        unit="bytes",
        group="processes",
        legend=_LABEL,
    ),
    Panel(
        title="Memory of containers, of their limits",
        query=f"100 * sum by (container_label_hearth_service) (container_memory_working_set_bytes{{{_OURS}}})"
        f" / sum by (container_label_hearth_service) (container_spec_memory_limit_bytes{{{_OURS}}})",
        unit="percent",
        group="processes",
        legend=_LABEL,
    ),
    Panel(
        title="Containers held back for their CPU limit",
        query="sum by (container_label_hearth_service)"
        f" (rate(container_cpu_cfs_throttled_seconds_total{{{_OURS}}}[5m]))",
        unit="percentunit",
        group="processes",
        legend=_LABEL,
    ),
)
# What the kernel cannot take back: files that it keeps in memory it can, and they count as used, too.
_HELD = " - ".join(
    f"container_memory_{part}_bytes{{{_OURS}}}"
    for part in ("usage", "total_active_file", "total_inactive_file")
)
RULES = (
    Rule(
        name="ContainerMemoryHigh",
        # Above what programs are told to keep within, which caches fill up: 85 %.
        expr="label_replace(max by (container_label_hearth_service)"
        f" (100 * ({_HELD}) / (container_spec_memory_limit_bytes{{{_OURS}}} > 0)),"
        ' "service", "$1", "container_label_hearth_service", "(.*)") > 90',
        summary='{{ $labels.service }} takes {{ printf "%.0f" $value }} % of its memory limit',
        remedy="Raise its memory in the stack file, or give it less to hold; at its limit the kernel ends it",
        runbook="service-fails",
        wait=300,
    ),
)
# What the panels draw; each of the others would be read from the kernel every time.
METRICS = ("cpu", "memory")


class Settings(ServiceSettings):
    """Keys of a cAdvisor."""

    memory: Annotated[Bytes, Field(ge=64 * 1024**2, description="Hard memory limit.")] = 128 * 1024**2
    port: Annotated[PortNumber, Field(description="Port of its page and metrics.")] = 8085


def requests(settings: Settings) -> Requests:
    """The figures of every container of the stack."""
    return Requests(scrapes=(Scrape(),), probes=(Probe(path="/healthz"),), rules=RULES, panels=PANELS)


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One cAdvisor."""
    return ServiceSpec(
        name=context.service,
        type="cadvisor",
        description="cAdvisor",
        image=IMAGE,
        package=PACKAGE,
        process=Process(
            argv=(
                "cadvisor",
                f"-listen_ip={context.listen}",
                f"-port={settings.port}",
                f"-enable_metrics={','.join(METRICS)}",
                # Not every unit of the host's systemd, and every session.
                "-docker_only=true",
                "-store_container_labels=false",
                "-whitelisted_container_labels=hearth.stack,hearth.service",
                "-housekeeping_interval=15s",
                "-logtostderr",
            ),
            env={"GOMEMLIMIT": str(settings.memory * 85 // 100)},
        ),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=HealthCheck(http=f"http://127.0.0.1:{settings.port}/healthz"),
        # The kernel's figures and the daemon's socket are root's, who has no capability in the container.
        security=Security(uid=0 if context.engine else 65534, host_mounts=context.engine),
        networks=("monitoring",),
        ports=(Port(name="http", number=settings.port, publish=settings.publish),),
        notes=("it may ask Docker's socket, so whoever takes it over has the host",)
        if context.engine
        else ("there are no containers here for it to see; a process-exporter sees processes",),
    )
