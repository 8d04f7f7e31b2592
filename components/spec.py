"""What a service is: the vocabulary of the catalogue.

Plain frozen values without behaviour of their own. A catalogue file turns settings into one
``ServiceSpec``; a runtime turns a ``ServiceSpec`` into something that runs. Neither side knows
the other. Sizes are bytes, times are seconds, CPUs are cores (0.5 is half a core).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from components.captures import BackupPolicy, DataFormat
from components.facts import BEFORE
from components.programs import Image, Package


@dataclass(frozen=True, kw_only=True)
class Process:
    """The process. ``argv[0]`` is the name of a program, not a path; empty where an image knows its own."""

    argv: tuple[str, ...]
    in_image: str | None = None
    """What images call ``argv[0]``, where on a host it has a name that is the service's alone."""
    env: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = "SIGTERM"
    stop_seconds: int = 20


@dataclass(frozen=True, kw_only=True)
class Port:
    """A TCP port that the process listens on. Publishing opens it on ``address`` of the host."""

    name: str
    number: int
    publish: bool = False
    address: str = "127.0.0.1"

    @property
    def authority(self) -> str:
        """``address:number`` as it stands in a URL."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.number}"


@dataclass(frozen=True, kw_only=True)
class Volume:
    """A directory whose content outlives the stack."""

    name: str
    path: str
    of: str | None = None
    """The service that has it, where its neighbour's files are worked on as well; for containers alone."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A directory of the owner's, copied to where the process reads it: ``path``, named by its content."""

    directory: str
    digest: str
    path: str


@dataclass(frozen=True, kw_only=True)
class SecretRef:
    """A secret of the stack, by name: made once, kept encrypted, never written in a spec."""

    name: str
    kind: Literal["password", "certificate", "file"] = "password"
    """Random text; a self-signed key and certificate (PEM); or the content of ``source``."""
    source: str | None = None
    guards: str | None = None
    """The service whose data cannot be read without it: once there is any, no other one is made."""
    volume: Literal["data", "archive"] = "data"
    """Which data of the service that is."""

    @property
    def before(self) -> SecretRef:
        """The value until now, while it is accepted beside the new one."""
        return SecretRef(name=f"{self.name}{BEFORE}", kind=self.kind)


@dataclass(frozen=True, kw_only=True)
class ConfigFile:
    """A file that the process reads.

    With ``secrets``, every ``@@key@@`` in the content is replaced by the secret when the file is
    delivered, and the file as a whole is treated as a secret.
    """

    path: str
    content: str
    secrets: Mapping[str, SecretRef] = field(default_factory=dict)
    executable: bool = False


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """How to ask the service whether it answers: a command, or an HTTP GET of ``http``. With neither
    it is well while its process runs, or where it has a schedule while somebody keeps its times.

    With both, the command is for containers: an image that holds one program and nothing else has
    no client to ask with.
    """

    argv: tuple[str, ...] = ()
    http: str | None = None
    interval: int = 5
    timeout: int = 5
    retries: int = 6
    start_period: int = 30


@dataclass(frozen=True, kw_only=True)
class Task:
    """A command that runs once the service answers, again whenever it or the service changes."""

    name: str
    argv: tuple[str, ...]
    timeout: int = 120
    optional: bool = False
    """A failure is reported, and does not fail the deployment (a model hub out of reach)."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The process runs at these times and ends, instead of always: five fields of crontab(5), local time."""

    cron: str


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What the service may use. ``reservation`` is the memory it is promised under pressure."""

    memory: int
    reservation: int | None = None
    cpus: float | None = None
    cpu_weight: int | None = None
    """Share of the CPU against that of others while all want it; 100 is everybody's."""
    pids: int = 512
    shm: int | None = None
    gpu_memory: int = 0
    """Part of ``memory`` that moves to a GPU where there is one."""


@dataclass(frozen=True, kw_only=True)
class HostMount:
    """A directory or socket of the host that a container sees, never to write to.

    Without containers there is nothing to mount: the host's files are there.
    """

    source: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Security:
    """Exceptions to closed-by-default, each with its reason in the catalogue file."""

    uid: int
    """Not 0, but for what has no data, no secret of anybody else's and no network that leads to any."""
    read_only_root: bool = True
    capabilities: tuple[str, ...] = ()
    scratch: tuple[str, ...] = ("/tmp",)
    """Paths that must be writable and may be lost at a restart."""
    executable_memory: bool = False
    """The program writes machine code at run time (a JIT compiler, ggml kernels)."""
    host_mounts: tuple[HostMount, ...] = ()
    """What of the host a container must see; who has any may be uid 0 in it."""
    sees_processes: bool = False
    """It reads the figures of other services' processes in /proc."""
    reads_logs: bool = False
    """It reads what every service of the stack logs."""


Renewal = Literal["both", "once"]
"""The old value is accepted beside the new one until all who show it have changed; or is refused at once."""


@dataclass(frozen=True, kw_only=True)
class ServiceSpec:
    """One service, whole: everything any runtime needs to run it."""

    name: str
    type: str
    description: str
    image: Image | None
    """None where only its owner can name one: under ``hearth:images``."""
    package: Package | None
    """None where nothing but a container can run it."""
    process: Process
    resources: Resources
    health: HealthCheck
    security: Security
    networks: tuple[str, ...]
    ports: tuple[Port, ...] = ()
    volumes: tuple[Volume, ...] = ()
    files: tuple[ConfigFile, ...] = ()
    source: Source | None = None
    needs: tuple[str, ...] = ()
    tasks: tuple[Task, ...] = ()
    check: tuple[str, ...] = ()
    """Command that reads the configuration files and exits non-zero when they are wrong."""
    integrity: tuple[str, ...] = ()
    """Command that exits non-zero and says why when data of the running service are damaged. Without one its
    SQLite files are looked at."""
    schedule: Schedule | None = None
    """When the process runs, where it is not to run always."""
    serves_databases: bool = False
    """The databases that other services ask for are made here."""
    backup: BackupPolicy | None = None
    """None where nothing is worth keeping."""
    format: DataFormat | None = None
    """None where another version of the program reads the data as it is."""
    serves_documents: bool = False
    """So are those of documents."""
    renewable: Mapping[str, Renewal] = field(default_factory=dict)
    """The secrets shown to it, by name, that may get another value, and what is accepted meanwhile."""
    live_secrets: bool = False
    """Its tasks bring in what its files with secrets say, so it does not start again for them."""
    reads: tuple[str, ...] = ()
    """Directories that others fill, made where they are not there; mounts of a container are besides."""
    fetches: int = 0
    """Bytes of models that it will have in its data, as far as their size is known."""
    shows_page: bool = False
    """It serves the page that tells how the stack is."""
    notes: tuple[str, ...] = ()
    """What the plan should tell its reader about this service."""
    replica_of: str | None = None
    """The service of the stack file that this is one of; set by the plan."""
    outside: tuple[str, ...] = ()
    """Hosts outside of the stack that it must reach; the plan finds them."""

    @property
    def declared(self) -> str:
        """Its name in the stack file."""
        return self.replica_of or self.name

    @property
    def secrets(self) -> tuple[SecretRef, ...]:
        """Every secret that a file of this service is made with, each once."""
        return tuple(dict.fromkeys(ref for file in self.files for ref in file.secrets.values()))
