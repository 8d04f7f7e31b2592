"""What holds for what runs at set times, and for programs of the owner."""

from __future__ import annotations

import pytest
from contract.recorded import (
    COMMAND,
    KINDS,
    SYSTEMD,
    applied,
    component,
    container,
    every_runtime,
    planned,
    recorded,
    unit,
)
from support.stacks import STACK

from components.config import CONTAINERS

SCHEDULED = [name for name in KINDS if planned("docker")[name].schedule]


@pytest.mark.parametrize("service", SCHEDULED)
@pytest.mark.parametrize("runtime", SYSTEMD)
def test_a_timer_starts_the_unit_of_a_job(service: str, runtime: str) -> None:
    document = applied(runtime, service)
    assert document["unit"]["path"].endswith(f"hearth-{STACK}-{service}.timer")
    assert f"\nUnit=hearth-{STACK}-{service}.job.service\n" in document["unit"]["content"]
    assert "\nOnCalendar=" in document["unit"]["content"]
    (argv,) = unit(runtime, service)["ExecStart"]
    assert f"/config/schedule.sh once /var/lib/hearth/{STACK}/{service}/data/last-run.json " in argv


@pytest.mark.parametrize("service", SCHEDULED)
def test_a_script_keeps_the_times_of_a_job_where_nobody_else_does(service: str) -> None:
    (argv,) = unit("supervisord", service)["command"]
    assert f"/config/schedule.sh keep /var/lib/hearth/{STACK}/{service}/data/last-run.json " in argv
    inputs = container(service).inputs
    assert inputs["entrypoints"] == ["/bin/sh"]
    assert inputs["command"][:3] == ["/etc/hearth/schedule.sh", "keep", "/var/lib/hearth/last-run.json"]


# Programs of the owner's --------------------------------------------------------------------------


COPIED = [name for name in KINDS if planned("docker")[name].source]


@pytest.mark.parametrize("service", COPIED)
@every_runtime
def test_a_directory_is_there_before_what_reads_it(service: str, runtime: str) -> None:
    found, source = recorded(runtime), planned(runtime)[service].source
    copied = found.named(f"{service}-source", COMMAND)
    assert copied.document["digest"] in source.path
    made = {"docker": f"{service}-container", "swarm": f"{service}-service"}
    readers = [made.get(runtime, service)]
    if runtime not in CONTAINERS:
        readers.append(f"{service}-package")
        assert found.named(f"{service}-package", COMMAND).document["programs"]
    for reader in found.below(component(runtime, service)):
        if reader.name in readers:
            assert copied.urn in reader.dependencies, reader.name


@pytest.mark.parametrize("service", COPIED)
def test_a_container_cannot_write_to_its_sources(service: str) -> None:
    source = planned("docker")[service].source
    (mount,) = [m for m in container(service).inputs["volumes"] if m["containerPath"] == source.path]
    assert mount["readOnly"] is True
