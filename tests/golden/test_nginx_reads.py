"""nginx itself reads what is rendered for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.rendered import lay_out, secret_values
from support.stacks import plan, values
from support.tools import call, tool

from components.spec import ServiceSpec

OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "tls": {"tls": "self-signed"},
    "password": {"basic-auth": True},
    "both": {"tls": "self-signed", "basic-auth": True, "address": "0.0.0.0", "cpus": 2},
    "six": {"address": "::1"},
    "cache": {"cache": "8MiB"},
}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A key and its certificate in one PEM text."""
    directory = tmp_path_factory.mktemp("certificate")
    made = call(
        tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
        "-subj", "/CN=localhost", "-keyout", directory / "key", "-out", directory / "certificate",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return (directory / "key").read_text() + (directory / "certificate").read_text()


def front_door(runtime: str, options: dict[str, Any], root: Path) -> ServiceSpec:
    stack = values(runtime, {"nginx": options, "ollama": {}, "redis": {}}, data=str(root / "stack"))
    return plan(stack).service("nginx")


def verdict(spec: ServiceSpec, directory: Path, certificate: str) -> str:
    """Everything that ``nginx -t`` says; nothing when it is content."""
    texts = {
        ref.name: certificate if ref.kind == "certificate" else secret_values(spec)[ref.name]
        for ref in spec.secrets
    }
    files = lay_out(spec, directory, texts)
    done = call(tool("nginx"), "-t", "-q", "-e", "stderr", "-c", files["nginx.conf"])
    return done.stderr + ("" if done.returncode == 0 else f"exit status {done.returncode}")


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("runtime", ["docker", "supervisord"])
def test_configuration_is_accepted(runtime: str, options: dict, tmp_path: Path, certificate: str) -> None:
    assert verdict(front_door(runtime, options, tmp_path), tmp_path, certificate) == ""


@pytest.mark.parametrize("runtime", ["docker", "supervisord"])
def test_a_status_page_for_an_exporter_is_accepted(runtime: str, tmp_path: Path, certificate: str) -> None:
    stack = values(runtime, {"nginx": {}, "nginx-exporter": {}}, data=str(tmp_path / "stack"))
    spec = plan(stack).service("nginx")
    assert "stub_status" in spec.files[0].content
    assert verdict(spec, tmp_path, certificate) == ""


def test_a_front_door_to_nowhere_is_accepted(tmp_path: Path, certificate: str) -> None:
    spec = plan(values("docker", {"nginx": {}})).service("nginx")
    assert verdict(spec, tmp_path, certificate) == ""


def test_a_mistake_would_be_noticed(tmp_path: Path, certificate: str) -> None:
    spec = front_door("docker", {}, tmp_path)
    broken = spec.files[0].content.replace("proxy_buffering off", "proxy_bufering off")
    assert broken != spec.files[0].content
    object.__setattr__(spec.files[0], "content", broken)
    assert 'unknown directive "proxy_bufering"' in verdict(spec, tmp_path, certificate)


@pytest.mark.parametrize("runtime", ["docker", "supervisord"])
@pytest.mark.parametrize("service", ["nginx", "site-1"])
def test_a_page_of_the_owners_and_the_way_to_its_replicas_are_accepted(
    service: str, runtime: str, tmp_path: Path, certificate: str
) -> None:
    site = {"type": "frontend", "directory": "examples/frontend", "replicas": 2}
    stack = values(runtime, {"nginx": {}, "site": site}, data=str(tmp_path / "stack"))
    spec = plan(stack).service(service)
    assert verdict(spec, tmp_path, certificate) == ""
