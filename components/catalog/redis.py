"""Redis: cache, queue and small data, kept on disk.

Configuration directives: https://redis.io/docs/latest/operate/oss_and_stack/management/config/
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from components.captures import Capture
from components.context import Context, Endpoint
from components.neighbours import Client, Database, Requests
from components.rendering import render
from components.settings import ServiceSettings, Strict
from components.signals import QUEUE_KEY, Queue
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
    Task,
    Volume,
)
from components.units import Bytes, Count, PortNumber

IMAGE = Image(repository="redis", tag="8.2.3-bookworm")
PACKAGE = Package(
    programs=("redis-server", "redis-cli"), apt=("redis-server", "redis-tools"), brew=("redis",)
)
Policy = Literal[
    "noeviction", "allkeys-lru", "allkeys-lfu", "allkeys-random",
    "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl",
]  # fmt: skip


class Watched(Strict):
    """A list that work waits in; services of the stack declare their own."""

    key: Annotated[str, Field(pattern=QUEUE_KEY, description="Name of the list.")]
    db: Annotated[Count, Field(ge=0, le=15, description="Number of the database that it is in.")] = 0
    depth: Annotated[
        Count, Field(ge=0, description="More waiting than this for five minutes is an alert.")
    ] = 100


class Settings(ServiceSettings):
    """Keys of a Redis."""

    memory: Annotated[Bytes, Field(ge=32 * 1024**2, description="Hard memory limit.")] = 256 * 1024**2
    port: Annotated[PortNumber, Field(description="Port that Redis listens on.")] = 6379
    policy: Annotated[
        Policy, Field(description="What goes when maxmemory is reached; noeviction loses nothing.")
    ] = "noeviction"
    persistence: Annotated[
        Literal["aof", "rdb", "none"],
        Field(description="aof loses at most one second, rdb minutes, none everything."),
    ] = "aof"
    queues: Annotated[
        tuple[Watched, ...], Field(description="Queues of your own programs to watch, with a redis-exporter.")
    ] = ()


def requests(settings: Settings) -> Requests:
    """That the queues of the owner's own programs be watched."""
    return Requests(
        queues=tuple(
            Queue(service="$service", key=queue.key, db=queue.db, depth=queue.depth)
            for queue in settings.queues
        )
    )


def client(settings: Settings, name: str, endpoint: Endpoint, database: Database | None) -> Client:
    """``REDIS_HOST`` and ``REDIS_PORT``; with the password in it, ``REDIS_URL``."""
    return Client(
        network="data",
        env={
            "REDIS_HOST": endpoint.host,
            "REDIS_PORT": str(endpoint.port),
            # Whoever comes when all connections are taken waits, and is not refused.
            "REDIS_CONNECTION_POOL_CLASS": "BlockingConnectionPool",
        },
        secret_env={
            "REDIS_PASSWORD": "@@redis@@",
            "REDIS_URL": f"redis://:@@redis@@@{endpoint}/0",
        },
        secrets={"redis": SecretRef(name=name)},
        url="REDIS_URL",
        pool={"connections": "REDIS_MAX_CONNECTIONS"},
    )


def maxmemory(settings: Settings) -> int:
    """Bytes for data. The rest of the limit is for the copy-on-write pages of a background save."""
    share = 0.85 if settings.persistence == "none" else 0.6
    return int(settings.memory * share)


def backup(settings: Settings, context: Context) -> BackupPolicy:
    """A snapshot that Redis makes itself.

    With an append-only file it takes its data from there alone, and the base of one is such a snapshot:
    https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/
    """
    save = render("redis/save.sh.j2", settings=settings, context=context)
    appended = settings.persistence == "aof"
    snapshot = Capture(
        name="dump.rdb",
        save=("sh", "-c", save),
        tally=("sh", "-c", render("redis/tally.sh.j2")),
        place="appendonlydir/appendonly.aof.1.base.rdb" if appended else "dump.rdb",
    )
    manifest = {"appendonlydir/appendonly.aof.manifest": "file appendonly.aof.1.base.rdb seq 1 type b\n"}
    return BackupPolicy(captures=(snapshot,), beside=manifest if appended else {})


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One Redis server with an ACL file, its limit and its persistence."""
    password = SecretRef(name=context.service)
    watch = next(iter(context.watches()), None)
    shown = {"password": password} | ({"watch": watch.password} if watch else {})
    before = {f"{use}.before": ref for use, one in shown.items() if (ref := context.before(one))}
    configuration = render(
        "redis/redis.conf.j2",
        settings=settings,
        context=context,
        maxmemory=maxmemory(settings),
    )
    return ServiceSpec(
        name=context.service,
        type="redis",
        description="Redis server",
        image=IMAGE,
        package=PACKAGE,
        process=Process(argv=("redis-server", context.path("redis.conf"))),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=HealthCheck(
            # The account "health" may only PING, so its name needs no secret.
            argv=(
                "redis-cli",
                "-e",
                "-p",
                str(settings.port),
                "--no-auth-warning",
                "--user",
                "health",
                "--pass",
                "health",
                "ping",
            ),
        ),
        security=Security(uid=999),
        networks=("data",),
        ports=(Port(name="redis", number=settings.port, publish=settings.publish),),
        volumes=(Volume(name="data", path=context.places.data),),
        backup=backup(settings, context),
        integrity=("sh", "-c", render("redis/whole.sh.j2", settings=settings, context=context)),
        files=(
            ConfigFile(path=context.path("redis.conf"), content=configuration),
            ConfigFile(
                path=context.secret_path("users.acl"),
                content=render(
                    "redis/users.acl.j2",
                    watch=watch,
                    before=before,
                    queues=[queue for queue in context.queues() if queue.service == context.service],
                ),
                secrets=shown | before,
            ),
            # For the commands of its own, the backup's and the task's.
            *(
                ConfigFile(path=context.secret_path(use), content=f"@@{use}@@", secrets={use: ref})
                for use, ref in (shown | before).items()
                if use.startswith("password")
            ),
        ),
        renewable={ref.name: "both" for ref in shown.values()},
        live_secrets=True,
        tasks=(
            Task(
                name="accounts",
                argv=("sh", "-c", render("redis/accounts.sh.j2", settings=settings, context=context)),
            ),
        ),
    )
