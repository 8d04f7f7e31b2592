"""Dify's plugin daemon: runs the plugins by which Dify reaches models and tools.

Environment: https://github.com/langgenius/dify-plugin-daemon/blob/main/internal/types/app/config.go
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from components.applications import MIB, ApplicationSettings, Neighbour, asked
from components.catalog import dify_api
from components.context import Context
from components.environment import for_shell
from components.neighbours import Database, Requests
from components.signals import Probe
from components.spec import Image, Port, Process, Resources, SecretRef, Security, ServiceSpec, Volume
from components.units import Bytes, PortNumber

IMAGE = Image(repository="langgenius/dify-plugin-daemon", tag="0.5.3-local")
DATABASE = Database(name="dify_plugin", extensions=("uuid-ossp",), alone=True)


class Settings(ApplicationSettings):
    """Keys of a plugin daemon. With ``outbound`` plugins are fetched, and reach what they are for."""

    memory: Annotated[Bytes, Field(ge=512 * MIB, description="Hard memory limit.")] = 1024 * MIB
    port: Annotated[PortNumber, Field(description="Port on which the API asks it.")] = 5002
    api: Annotated[Neighbour, Field(description="The API it works for; the stack's if absent.")] = None
    redis: Annotated[Neighbour, Field(description="Redis to use; the stack's if absent.")] = None


def requests(settings: Settings) -> Requests:
    """A database of its own, and where it says that it is well."""
    return Requests(
        databases=(replace(DATABASE, server=settings.postgres),), probes=(Probe(path="/health/check"),)
    )


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One daemon with the plugins that were installed."""
    api = context.needed("dify-api", settings.api)
    server, broker = context.needed("postgres", settings.postgres), context.needed("redis", settings.redis)
    base, cache = context.endpoint(server), context.endpoint(broker)
    data = context.places.data
    env = {
        "HOME": data,
        "SERVER_PORT": str(settings.port),
        "DIFY_INNER_API_URL": f"http://{context.endpoint(api)}",
        "DB_TYPE": "postgresql",
        "DB_HOST": base.host,
        "DB_PORT": str(base.port),
        "DB_USERNAME": context.database(DATABASE.name).login,
        "DB_DATABASE": DATABASE.name,
        # Looked into for the database, which is there already.
        "DB_DEFAULT_DATABASE": DATABASE.name,
        "DB_SSL_MODE": "disable",
        "REDIS_HOST": cache.host,
        "REDIS_PORT": str(cache.port),
        "PLUGIN_STORAGE_TYPE": "local",
        "PLUGIN_STORAGE_LOCAL_ROOT": data,
        "PLUGIN_WORKING_PATH": f"{data}/cwd",
        "PLUGIN_INSTALLED_PATH": "plugin",
        "PLUGIN_PACKAGE_CACHE_PATH": "plugin_packages",
        "PLUGIN_MEDIA_CACHE_PATH": "assets",
        "PLUGIN_REMOTE_INSTALLING_ENABLED": "false",
        "PIP_MIRROR_AUTO_DETECT": "false",
        "FORCE_VERIFYING_SIGNATURE": "true",
        "MAX_PLUGIN_PACKAGE_SIZE": str(50 * MIB),
        "PYTHON_ENV_INIT_TIMEOUT": "120",
        "PLUGIN_MAX_EXECUTION_TIMEOUT": "600",
        "SENTRY_ENABLED": "false",
    }
    values = {
        "SERVER_KEY": "@@plugins@@",
        "DIFY_INNER_API_KEY": "@@inner@@",
        "DB_PASSWORD": "@@database@@",
        "REDIS_PASSWORD": "@@redis@@",
    }
    secrets = {
        "plugins": dify_api.part(api, "plugins"),
        "inner": dify_api.part(api, "inner"),
        "database": DATABASE.password,
        "redis": SecretRef(name=broker),
    }
    injection = for_shell(context, values, secrets)
    return ServiceSpec(
        name=context.service,
        type="dify-plugin-daemon",
        description="Dify's plugin daemon",
        image=IMAGE,
        package=None,
        process=Process(
            argv=("sh", injection.files[0].path, "/app/main"), env=env | injection.env, stop_seconds=30
        ),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=asked(f"http://127.0.0.1:{settings.port}/health/check", by="python3", start_period=120),
        security=Security(uid=dify_api.UID, executable_memory=True),
        networks=settings.networks,
        ports=(Port(name="http", number=settings.port, publish=settings.publish),),
        volumes=(Volume(name="data", path=data),),
        files=injection.files,
        needs=(api, server, broker),
    )
