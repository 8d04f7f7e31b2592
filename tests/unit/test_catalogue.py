"""A service is one file in the catalogue, and nothing else knows its name."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.stacks import REPOSITORY, RUNTIMES, plan, record, values

import components.catalog
from components.catalog import entries

WHISPER = '''"""Whisper: speech to text."""

from typing import Annotated

from pydantic import Field

from components.settings import ServiceSettings
from components.neighbours import Database, Requests, Route
from components.spec import HealthCheck, Image, Package, Port, Process, Resources, Security, ServiceSpec
from components.units import Bytes, PortNumber


class Settings(ServiceSettings):
    memory: Annotated[Bytes, Field(description="Hard memory limit.")] = 1024**3
    port: Annotated[PortNumber, Field(description="Port.")] = 9000
    language: Annotated[str, Field(description="Spoken language.")] = "en"


def requests(settings):
    return Requests(
        routes=(Route(prefix="/speech/", websocket=True),), databases=(Database(name="speech"),)
    )


def spec(settings, context):
    return ServiceSpec(
        name=context.service, type="whisper-cpp", description="Whisper", image=Image(repository="whisper", tag="1.7.6"),
        package=Package(programs=("whisper-server",), apt=("whisper",)),
        process=Process(argv=("whisper-server", "--host", context.listen, "--language", settings.language)),
        resources=Resources(memory=settings.memory), health=HealthCheck(http="http://127.0.0.1:9000/"),
        security=Security(uid=1000), networks=("backend",), ports=(Port(name="http", number=settings.port),),
    )
'''


# Names of networks, too.
NETWORKS = {"frontend"}


@pytest.fixture
def whisper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A kind of service that the repository does not have."""
    (tmp_path / "whisper_cpp.py").write_text(WHISPER)
    monkeypatch.setattr(components.catalog, "__path__", [*components.catalog.__path__, str(tmp_path)])
    entries.cache_clear()
    yield "whisper-cpp"
    entries.cache_clear()
    del sys.modules["components.catalog.whisper_cpp"]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_one_new_file_is_a_new_service_everywhere(whisper: str, runtime: str) -> None:
    stack = values(runtime, {"nginx": {}, "postgres": {}, whisper: {"memory": "2GiB", "language": "de"}})
    made = plan(stack)
    assert made.service(whisper).process.argv[-1] == "de"
    assert whisper in made.service("nginx").needs
    assert "location /speech/ {" in made.service("nginx").files[0].content
    assert 'CREATE DATABASE "speech"' in "".join(file.content for file in made.service("postgres").files)
    recorder = record(stack)
    component = recorder.named(whisper, "hearth:service:WhisperCpp")
    assert recorder.below(component)


def test_a_new_service_has_a_class_for_programs_of_ones_own(whisper: str) -> None:
    import components.service

    assert components.service.WhisperCppSettings is entries()[whisper].settings
    assert callable(components.service.WhisperCpp)


def test_an_absent_class_is_an_attribute_error() -> None:
    import components.service

    with pytest.raises(AttributeError, match="Memcached"):
        _ = components.service.Memcached


def sources() -> Iterator[Path]:
    """Code that must not know which services there are."""
    yield REPOSITORY / "__main__.py"
    for folder in ("components", "host"):
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            if path.parent != REPOSITORY / "components" / "catalog" or path.name == "__init__.py":
                yield path


@pytest.mark.parametrize("path", list(sources()), ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_no_code_outside_the_catalogue_names_a_service(path: Path) -> None:
    named = [
        f"line {node.lineno}: {node.value!r}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value in entries() and node.value not in NETWORKS
    ]
    assert named == []


def test_the_catalogue_asks_nothing_of_pulumi_or_the_host() -> None:
    for path in (REPOSITORY / "components" / "catalog").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            unwanted = {
                "pulumi",
                "pulumi_docker",
                "pulumi_command",
                "host",
                "os",
                "subprocess",
                "socket",
                "pathlib",
            }
            assert not unwanted & {name.partition(".")[0] for name in names}, path.name
            assert not any(name.startswith("components.runtimes") for name in names), path.name
