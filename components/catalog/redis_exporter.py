"""Redis exporter: what a Redis says of itself, through an account that sees nothing else.

Flags: https://github.com/oliver006/redis_exporter#command-line-flags
"""

from __future__ import annotations

import json
from typing import Annotated

from pydantic import Field

from components.context import Context
from components.neighbours import Requests, Watch
from components.settings import ServiceSettings
from components.signals import Panel, Scrape
from components.spec import (
    ConfigFile,
    HealthCheck,
    Image,
    Package,
    Port,
    Process,
    Resources,
    Security,
    ServiceSpec,
)
from components.units import Bytes, PortNumber

IMAGE = Image(repository="oliver006/redis_exporter", tag="v1.74.0-alpine", program="/redis_exporter")
PACKAGE = Package(
    programs=("redis_exporter",),
    apt=("prometheus-redis-exporter",),
    aliases={"redis_exporter": "prometheus-redis-exporter"},
)


class Settings(ServiceSettings):
    """Keys of a Redis exporter."""

    memory: Annotated[Bytes, Field(ge=16 * 1024**2, description="Hard memory limit.")] = 32 * 1024**2
    port: Annotated[PortNumber, Field(description="Port of its metrics.")] = 9121
    watches: Annotated[str, Field(description="Name of the Redis in this stack.")] = "redis"


PANELS = (
    Panel(title="Waiting", query="redis_key_size", group="queues", legend="{{service}} {{key}}"),
    Panel(title="Redis: memory", query="redis_memory_used_bytes", unit="bytes", group="data"),
    Panel(title="Redis: clients", query="redis_connected_clients", group="data"),
    Panel(
        title="Redis: commands",
        query="rate(redis_commands_processed_total[5m])",
        unit="reqps",
        group="data",
    ),
    Panel(
        title="Redis: found of what was asked for",
        query="rate(redis_keyspace_hits_total[5m])"
        " / (rate(redis_keyspace_hits_total[5m]) + rate(redis_keyspace_misses_total[5m]))",
        unit="percentunit",
        group="data",
    ),
    Panel(title="Redis: evicted", query="rate(redis_evicted_keys_total[5m])", group="data"),
)


def requests(settings: Settings) -> Requests:
    """An account on the Redis, and that its metrics be scraped."""
    return Requests(
        scrapes=(Scrape(alive="redis_up"),),
        watches=(Watch(service=settings.watches),),
        panels=PANELS,
    )


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One exporter of one Redis."""
    (watch,) = requests(settings).watches
    target = context.endpoint(settings.watches)
    queues = ",".join(
        f"db{queue.db}={queue.key}" for queue in context.queues() if queue.service == settings.watches
    )
    # The program looks its password up by address: 1.45 without the account's name, 1.74 with it.
    addresses = (f"redis://{target}", f"redis://{watch.account}@{target}")
    passwords = json.dumps(dict.fromkeys(addresses, "@@password@@")) + "\n"
    return ServiceSpec(
        name=context.service,
        type="redis-exporter",
        description="Redis exporter",
        image=IMAGE,
        package=PACKAGE,
        process=Process(
            argv=(
                "redis_exporter",
                f"--redis.addr=redis://{target}",
                f"--redis.user={watch.account}",
                "--redis.password-file",
                context.secret_path("passwords.json"),
                # The account may not read the configuration, which holds secrets.
                "--config-command=-",
                # How long they are; what is in them the account may not read.
                *((f"--check-single-keys={queues}",) if queues else ()),
                f"--web.listen-address={context.listen}:{settings.port}",
            ),
        ),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=HealthCheck(http=f"http://127.0.0.1:{settings.port}/health"),
        security=Security(uid=59000),
        networks=("data", "monitoring"),
        ports=(Port(name="http", number=settings.port, publish=settings.publish),),
        files=(
            ConfigFile(
                path=context.secret_path("passwords.json"),
                content=passwords,
                secrets={"password": watch.password},
            ),
        ),
        needs=(settings.watches,),
    )
