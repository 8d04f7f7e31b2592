"""What holds for every service of the catalogue on every runtime."""

from __future__ import annotations

import re

from contract.recorded import (
    COMMAND,
    NO_FORMULA,
    component,
    every_process,
    every_runtime,
    gate_name,
    on,
    planned,
    recorded,
    walled_off,
)
from support.stacks import RUNTIMES, kinds

from components.catalog import entries


@on(RUNTIMES)
def test_is_one_component_inside_the_platform(service: str, runtime: str) -> None:
    (platform,) = recorded(runtime).of_type("hearth:platform:Platform")
    assert component(runtime, service).parent == platform.urn


@on(RUNTIMES)
def test_makes_its_resources_inside_its_component(service: str, runtime: str) -> None:
    names = [found.name for found in recorded(runtime).below(component(runtime, service))]
    assert gate_name(service, runtime) in names
    assert all(name == service or name.startswith(f"{service}-") for name in names)


@every_runtime
def test_no_resource_is_without_a_parent(runtime: str) -> None:
    found = recorded(runtime)
    (platform,) = found.of_type("hearth:platform:Platform")
    for resource in found:
        assert resource is platform or platform.urn in found.ancestors(resource), resource.urn


@on(RUNTIMES)
def test_what_a_backup_captures_can_be_brought_back(service: str, runtime: str) -> None:
    spec = planned(runtime)[service]
    if spec.backup is None:
        return
    assert len(spec.volumes) == 1, "one data directory is set aside"
    assert spec.backup.captures or spec.backup.files
    names = [capture.name for capture in spec.backup.captures]
    assert len(set(names)) == len(names)
    for capture in spec.backup.captures:
        assert bool(capture.load) is not bool(capture.place)
        assert capture.save and capture.tally
        assert ("{item}" in capture.name) is bool(capture.each)
        assert not capture.place or spec.backup.replaces, "placed into an empty directory"
        words = " ".join((*capture.save, *capture.each, *capture.tally, *capture.load))
        assert "@@" not in words, "a secret is read from its file"


@on(RUNTIMES)
def test_registers_where_it_answers(service: str, runtime: str) -> None:
    outputs = component(runtime, service).outputs
    if planned(runtime)[service].ports:
        assert re.fullmatch(r"[a-z0-9.-]+:\d+", outputs["endpoint"])
    assert outputs["ready"]


@every_runtime
def test_the_platform_registers_its_plan(runtime: str) -> None:
    (platform,) = recorded(runtime).of_type("hearth:platform:Platform")
    assert {row["service"] for row in platform.outputs["plan"]["services"]} == set(kinds(runtime))
    assert platform.outputs["data"]


@on(RUNTIMES)
def test_starts_when_what_it_needs_answers(service: str, runtime: str) -> None:
    found = recorded(runtime)
    for need in planned(runtime)[service].needs:
        gate = found.named(gate_name(need, runtime), COMMAND)
        reached = {
            urn for resource in found.below(component(runtime, service)) for urn in resource.dependencies
        }
        assert gate.urn in reached


@on(RUNTIMES)
def test_is_limited_checked_and_known_by_its_own_name(service: str, runtime: str) -> None:
    spec = planned(runtime)[service]
    assert spec.name == service
    assert spec.type == service
    assert spec.resources.memory >= 16 * 1024**2
    assert spec.resources.pids > 0
    # What listens nowhere may have nothing to be asked but whether its process runs.
    assert spec.health.argv or spec.health.http or not spec.ports
    assert bool(spec.ports) is (entries()[service].settings.model_fields["port"].default is not None)
    # Root's files of the host are for root alone, and whoever reads one is no other in its container.
    assert spec.security.uid > 0 or spec.security.host_mounts or walled_off(spec)
    assert spec.networks


@on(RUNTIMES)
def test_writes_no_secret_into_its_description(service: str, runtime: str) -> None:
    spec = planned(runtime)[service]
    places = {path for path in spec.process.argv if "secret" in path}
    assert places <= {file.path for file in spec.files}
    assert "@@" not in " ".join([*spec.process.argv, *spec.process.env.values(), *spec.health.argv])
    for file in spec.files:
        assert set(re.findall(r"@@([\w.-]+)@@", file.content)) == set(file.secrets), file.path


@on(RUNTIMES)
def test_keeps_configuration_secrets_and_data_apart(service: str, runtime: str) -> None:
    spec = planned(runtime)[service]
    secret = {file.path.rpartition("/")[0] for file in spec.files if file.secrets}
    public = {file.path.rpartition("/")[0] for file in spec.files if not file.secrets}
    data = {volume.path for volume in spec.volumes}
    assert not (secret & public) | (secret & data) | (public & data)


@every_process
def test_has_programs_for_hosts_without_containers(service: str) -> None:
    spec = planned("supervisord")[service]
    assert spec.package.programs
    assert spec.process.argv[0] in (*spec.package.programs, "sh")
    package = spec.package
    everywhere = (package.brew, package.venv, package.npm)
    assert any((package.apt, package.installer, package.go, package.cmake, package.pypi, *everywhere))
    assert any(everywhere) or service in NO_FORMULA
