"""Neo4j: a graph of what belongs to what, asked in Cypher over Bolt.

Settings: https://neo4j.com/docs/operations-manual/5/configuration/configuration-settings/
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.context import Context, Endpoint
from components.neighbours import Client, Database
from components.rendering import render
from components.settings import ServiceSettings
from components.spec import (
    BackupPolicy,
    ConfigFile,
    HealthCheck,
    Image,
    Package,
    Port,
    Process,
    Resources,
    SecretRef,
    Security,
    ServiceSpec,
    Volume,
)
from components.units import Bytes, PortNumber

MIB = 1024**2
VERSION = "5.26.21"
IMAGE = Image(repository="neo4j", tag=f"{VERSION}-community")
PACKAGE = Package(
    programs=("neo4j", "neo4j-admin"),
    # Java alone is Debian's; Neo4j itself comes from its maker.
    apt=("openjdk-17-jre-headless",),
    installer=f"https://dist.neo4j.org/neo4j-community-{VERSION}-unix.tar.gz",
    probe=("sh", "-c", "neo4j --version | grep -q '^5[.]26[.]' && java -version"),
)
# Beside heap and page cache: two JVMs (one starts and watches the other), machine code, buffers of clients.
_OVERHEAD = 384 * MIB
_BUFFERS = 64 * MIB
# Sends the four versions of Bolt that it speaks, and is content with any that the server chooses.
_SHAKE_HANDS = (
    'exec 3<>/dev/tcp/127.0.0.1/"$1" &&'
    r" printf '\x60\x60\xb0\x17\x00\x04\x04\x05\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00' >&3 &&"
    " head -c 4 <&3 | od -An -tu1 | grep -q '[1-9]'"
)


class Settings(ServiceSettings):
    """Keys of a Neo4j."""

    memory: Annotated[Bytes, Field(ge=768 * MIB, description="Hard memory limit.")] = 1024 * MIB
    port: Annotated[PortNumber, Field(description="Port of Bolt, which drivers speak.")] = 7687
    http_port: Annotated[
        PortNumber | None, Field(description="Port of its page and HTTP API; closed if absent.")
    ] = None


def password(service: str) -> SecretRef:
    """The password of the account ``neo4j`` of ``service``. Its data knows no other."""
    return SecretRef(name=service, guards=service)


def client(settings: Settings, name: str, endpoint: Endpoint, database: Database | None) -> Client:
    """``NEO4J_URI`` and ``NEO4J_USERNAME``; as a secret, ``NEO4J_PASSWORD``."""
    return Client(
        network="data",
        env={"NEO4J_URI": f"bolt://{endpoint}", "NEO4J_USERNAME": "neo4j"},
        secret_env={"NEO4J_PASSWORD": "@@neo4j@@"},
        secrets={"neo4j": password(name)},
    )


def memory_shares(settings: Settings) -> dict[str, str]:
    """Heap and page cache of what the limit leaves, in mebibytes: three fifths and two."""
    left = (settings.memory - _OVERHEAD) // MIB
    heap = left * 3 // 5
    return {"heap": f"{heap}m", "cache": f"{left - heap}m", "buffers": f"{_BUFFERS // MIB}m"}


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One Neo4j, community edition, with one account."""

    def file(name: str) -> str:
        return render(f"neo4j/{name}.j2", settings=settings, context=context, shares=memory_shares(settings))

    ports = [Port(name="bolt", number=settings.port, publish=settings.publish)]
    if settings.http_port:
        ports.append(Port(name="http", number=settings.http_port, publish=settings.publish))
    return ServiceSpec(
        name=context.service,
        type="neo4j",
        description="Neo4j",
        image=IMAGE,
        package=PACKAGE,
        process=Process(
            argv=("sh", context.path("start.sh")),
            env={"NEO4J_CONF": context.places.config},
            # Transactions end and pages are written out.
            stop_seconds=120,
        ),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=HealthCheck(argv=("bash", "-c", _SHAKE_HANDS, "ask", str(settings.port)), start_period=120),
        # A JVM writes machine code.
        security=Security(uid=7474, executable_memory=True),
        networks=("data",),
        ports=tuple(ports),
        volumes=(Volume(name="data", path=context.places.data),),
        backup=BackupPolicy(files=True),
        files=(
            ConfigFile(path=context.path("neo4j.conf"), content=file("neo4j.conf")),
            ConfigFile(path=context.path("start.sh"), content=file("start.sh"), executable=True),
            ConfigFile(
                path=context.secret_path("password.arguments"),
                # An argument by itself, whatever it begins with.
                content="-- @@password@@\n",
                secrets={"password": password(context.service)},
            ),
        ),
    )
