"""Dify's API: applications, knowledge and workflows; the part that all others work for.

Environment: https://docs.dify.ai/en/self-host/configuration/environments
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from components.applications import MIB, ApplicationSettings, Neighbour, asked, key
from components.context import Context
from components.environment import Injection, for_python
from components.neighbours import Database, Requests
from components.signals import Probe
from components.spec import Image, Port, Process, Resources, SecretRef, Security, ServiceSpec, Volume
from components.units import Bytes, PortNumber

VERSION = "1.13.3"
IMAGE = Image(repository="langgenius/dify-api", tag=VERSION)
# The account of the image, which owns the files of users.
UID = 1001
DATABASE = Database(name="dify", extensions=("uuid-ossp", "vector"), alone=True)
# Number of the database in Redis that its queue is in, apart from its cache in 0.
_QUEUE = 1


class Settings(ApplicationSettings):
    """Keys of Dify's API."""

    memory: Annotated[Bytes, Field(ge=1024 * MIB, description="Hard memory limit.")] = 2048 * MIB
    port: Annotated[PortNumber, Field(description="Port of the API.")] = 5001
    redis: Annotated[Neighbour, Field(description="Redis to use; the stack's if absent.")] = None
    vectors: Annotated[Literal["pgvector", "qdrant"], Field(description="Where knowledge is searched.")] = (
        "pgvector"
    )
    store: Annotated[Neighbour, Field(description="Qdrant to use; the stack's if absent.")] = None
    api_url: Annotated[
        str, Field(pattern=r"^https?://[^\s?#/]+$", description="Address at which browsers reach it.")
    ] = "http://127.0.0.1:5001"
    web_url: Annotated[
        str, Field(pattern=r"^https?://[^\s?#/]+$", description="Address at which people reach its page.")
    ] = "http://127.0.0.1:3003"


def requests(settings: Settings) -> Requests:
    """A database of its own with vectors, and where it says that it is well."""
    return Requests(databases=(replace(DATABASE, server=settings.postgres),), probes=(Probe(path="/health"),))


def part(api: str, use: str) -> SecretRef:
    """What ``api`` and another part of it show each other: ``plugins``, ``inner`` or ``sandbox``."""
    return SecretRef(name=f"{api}-{use}")


def environment(
    settings: Settings, context: Context, api: str
) -> tuple[dict[str, str], Injection, tuple[str, ...]]:
    """Variables of the API and its workers, the files of their secrets, and whom both need."""
    server, broker = context.needed("postgres", settings.postgres), context.needed("redis", settings.redis)
    base, cache = context.endpoint(server), context.endpoint(broker)
    redis = SecretRef(name=broker)
    env = {
        "HOME": context.places.run,
        "LANG": "C.UTF-8",
        "LOG_FILE": "",
        "DEPLOY_ENV": "PRODUCTION",
        "EDITION": "SELF_HOSTED",
        "CHECK_UPDATE_URL": "",
        "CONSOLE_API_URL": settings.api_url,
        "SERVICE_API_URL": settings.api_url,
        "APP_API_URL": settings.api_url,
        "FILES_URL": settings.api_url,
        "INTERNAL_FILES_URL": f"http://{context.endpoint(api)}",
        "CONSOLE_WEB_URL": settings.web_url,
        "APP_WEB_URL": settings.web_url,
        "CONSOLE_CORS_ALLOW_ORIGINS": settings.web_url,
        "WEB_API_CORS_ALLOW_ORIGINS": settings.web_url,
        "DB_TYPE": "postgresql",
        "DB_HOST": base.host,
        "DB_PORT": str(base.port),
        "DB_USERNAME": context.database(DATABASE.name).login,
        "DB_DATABASE": DATABASE.name,
        "REDIS_HOST": cache.host,
        "REDIS_PORT": str(cache.port),
        "STORAGE_TYPE": "opendal",
        "OPENDAL_SCHEME": "fs",
        "OPENDAL_FS_ROOT": f"{context.places.data}/storage",
    }
    values = {
        "SECRET_KEY": "@@key@@",
        "DB_PASSWORD": "@@database@@",
        "REDIS_PASSWORD": "@@redis@@",
        "CELERY_BROKER_URL": f"redis://:@@redis@@@{cache}/{_QUEUE}",
        "INNER_API_KEY_FOR_PLUGIN": "@@inner@@",
    }
    secrets = {"key": key(api), "database": DATABASE.password, "redis": redis, "inner": part(api, "inner")}
    needs = [server, broker]
    if settings.vectors == "pgvector":
        env |= {
            "VECTOR_STORE": "pgvector",
            "PGVECTOR_HOST": base.host,
            "PGVECTOR_PORT": str(base.port),
            "PGVECTOR_USER": context.database(DATABASE.name).login,
            "PGVECTOR_DATABASE": DATABASE.name,
        }
        values["PGVECTOR_PASSWORD"] = "@@database@@"
    else:
        store = context.needed("qdrant", settings.store)
        env |= {"VECTOR_STORE": "qdrant", "QDRANT_URL": f"http://{context.endpoint(store)}"}
        values["QDRANT_API_KEY"] = "@@store@@"
        secrets["store"] = SecretRef(name=store)
        needs.append(store)
    plugins = context.neighbour("dify-plugin-daemon")
    if plugins:
        env["PLUGIN_DAEMON_URL"] = f"http://{context.endpoint(plugins)}"
        values["PLUGIN_DAEMON_KEY"] = "@@plugins@@"
        secrets["plugins"] = part(api, "plugins")
    sandbox = context.neighbour("dify-sandbox")
    if sandbox:
        env["CODE_EXECUTION_ENDPOINT"] = f"http://{context.endpoint(sandbox)}"
        values["CODE_EXECUTION_API_KEY"] = "@@sandbox@@"
        secrets["sandbox"] = part(api, "sandbox")
    proxy = context.neighbour("dify-ssrf-proxy")
    if proxy:
        url = f"http://{context.endpoint(proxy)}"
        env |= {"SSRF_PROXY_HTTP_URL": url, "SSRF_PROXY_HTTPS_URL": url}
    return env, for_python(context, values, secrets), tuple(needs)


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One API, which also brings its database up to date."""
    env, injection, needs = environment(settings, context, context.service)
    own = {
        "MODE": "api",
        "MIGRATION_ENABLED": "true",
        "DIFY_BIND_ADDRESS": context.listen,
        "DIFY_PORT": str(settings.port),
    }
    return ServiceSpec(
        name=context.service,
        type="dify-api",
        description="Dify's API",
        image=IMAGE,
        package=None,
        process=Process(argv=("bash", "/entrypoint.sh"), env=env | own | injection.env, stop_seconds=30),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=asked(f"http://127.0.0.1:{settings.port}/health", by="python", start_period=300),
        security=Security(uid=UID, executable_memory=True),
        networks=(*settings.networks, "sandbox"),
        ports=(Port(name="http", number=settings.port, publish=settings.publish),),
        volumes=(Volume(name="data", path=context.places.data),),
        files=injection.files,
        needs=needs,
    )
