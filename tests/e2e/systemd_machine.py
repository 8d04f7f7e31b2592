"""A machine that systemd runs: process 1 in namespaces of its own, with a journal and an account.

Only the files of programs and the network are shared with the machine around it. ``/etc`` is an
overlay, ``/run``, ``/tmp`` and ``/var/log`` are its own, kernel settings are read-only, and systemd
reads no units but those made here, so nothing of the distribution is started. Needs root.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.host.systemd_manager import hierarchies

ACCOUNT = "hearth-e2e"
START_SECONDS = 30
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hearth"

# Arguments: the uid of the account, its home, then pairs of a closed directory and a path below it.
_BOOT = r"""
set -eu
uid=$1 home=$2; shift 2
mount --make-rprivate /
# A copy of a container's mount would keep it from being mounted again out there.
awk '$3 == "overlay" && $2 != "/" { print $2 }' /proc/mounts | while read -r place; do
    # A container that has ended meanwhile has taken its own along.
    umount -l "$place" || ! grep -qF " $place overlay " /proc/mounts
done
mount -t proc proc /proc
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/systemd/system /run/lock /run/etc/upper /run/etc/work /run/kept
# Here managers put a unit's view of the files together; the services of any boot leave it behind.
mkdir -m 700 /run/systemd/unit-root

# The same hierarchies, seen from the cgroup that this was put in.
awk '$3 ~ /^cgroup/ { print $2, $3, $4 }' /proc/mounts >/run/hierarchies
umount -R /sys/fs/cgroup
[ "$(wc -l </run/hierarchies)" = 1 ] || mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
while read -r place type options; do
    options=${options#rw,}; options=${options#relatime,}
    case $options in
        *name=systemd*) options=none,name=systemd ;;
        # systemd takes these two for one hierarchy, and is content with the half that has the limits.
        cpu) ln -s cpu,cpuacct /sys/fs/cgroup/cpu; ln -s cpu,cpuacct /sys/fs/cgroup/cpuacct; place=/sys/fs/cgroup/cpu,cpuacct ;;
        cpuacct) continue ;;
    esac
    mkdir -p "$place"
    case $type in
        cgroup2) mount -t cgroup2 cgroup2 "$place" ;;
        *) mount -t cgroup -o "$options" cgroup "$place" ;;
    esac
done </run/hierarchies

mount -t overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work overlay /etc
mount -t tmpfs -o mode=755 tmpfs /etc/systemd/system
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=755 tmpfs /var/log
mkdir -p /var/lib/systemd/timers
# As Debian has it: what is in there belongs to the group that reads it.
install -d -m 2755 -g systemd-journal /var/log/journal
# When timers ran last outlives a machine that a failed test has die.
mount -t tmpfs -o mode=755 tmpfs /var/lib/systemd/timers

# What the account must read, though it lies in somebody's private directory.
count=0
for word; do
    count=$((count + 1))
    [ $((count % 2)) = 0 ] || { closed=$word; continue; }
    mkdir "/run/kept/$count"
    mount --bind -o ro "$word" "/run/kept/$count"
    echo "$closed" >>/run/kept/closed
    echo "$count $word" >>/run/kept/paths
done
[ ! -e /run/kept/closed ] || sort -u /run/kept/closed | while read -r closed; do mount -t tmpfs -o mode=755 tmpfs "$closed"; done
[ ! -e /run/kept/paths ] || while read -r count path; do mkdir -p "$path"; mount --move "/run/kept/$count" "$path"; done </run/kept/paths

useradd --no-create-home --home-dir "$home" --uid "$uid" --user-group --shell /bin/sh hearth-e2e
# Its files are links to root's, and stay root's.
find "$home" -type d -exec chown "$uid:$uid" {} +
mkdir -p -m 755 /run/user
install -d -m 700 -o "$uid" -g "$uid" "/run/user/$uid"

cd /etc/systemd/system
for target in sysinit basic network multi-user shutdown; do
    printf '[Unit]\nDefaultDependencies=no\n' >$target.target
done
for unit in systemd-journald.socket systemd-journald-dev-log.socket systemd-journald.service; do
    cp /lib/systemd/system/$unit .
done
cat >"user@$uid.service" <<END
[Unit]
Description=What a login, or lingering, starts for an account
After=systemd-journald.socket
[Service]
Slice=user-$uid.slice
Type=notify
NotifyAccess=all
Delegate=yes
TasksMax=infinity
LimitNOFILE=1024:524288
ExecStart=/bin/sh /run/session
KillMode=mixed
END
# systemd delegates controllers of cgroup v1 to root alone, so here they are given away by hand.
cat >/run/session <<END
set -eu
while IFS=: read -r number controllers path; do
    case \$controllers in
        '') for place in /sys/fs/cgroup /sys/fs/cgroup/unified; do [ ! -e \$place/cgroup.controllers ] || break; done ;;
        name=*) place=/sys/fs/cgroup/\${controllers#name=} ;;
        *) place=/sys/fs/cgroup/\$controllers ;;
    esac
    case \$path in *user@$uid.service) ;; *) continue ;; esac
    chown $uid:$uid "\$place\$path" "\$place\$path/cgroup.procs"
    for file in tasks cgroup.threads cgroup.subtree_control; do
        [ ! -e "\$place\$path/\$file" ] || chown $uid:$uid "\$place\$path/\$file"
    done
done </proc/self/cgroup
exec setpriv --reuid $uid --regid $uid --init-groups --inh-caps=-all env -u SYSTEMD_UNIT_PATH -u SYSTEMD_GENERATOR_PATH \
    HOME=$home USER=hearth-e2e LOGNAME=hearth-e2e XDG_RUNTIME_DIR=/run/user/$uid /lib/systemd/systemd --user
END
printf '[Unit]\nDefaultDependencies=no\nRequires=user@%s.service systemd-journald.service\n' "$uid" >machine.target
exec env -i container=hearth PATH=/usr/sbin:/usr/bin:/sbin:/bin SYSTEMD_UNIT_PATH=/etc/systemd/system \
    SYSTEMD_GENERATOR_PATH=/nonexistent \
    /lib/systemd/systemd --system --unit=machine.target --log-target=console --show-status=no
"""


@dataclass(frozen=True)
class SystemdMachine:
    """A running one. ``pid`` is its process 1 as seen from outside, ``home`` the account's."""

    pid: int
    uid: int
    home: Path
    cgroup: str

    def enter(self, directory: Path, *, root: bool) -> list[str]:
        """Words before a command that runs in there, as root or as the account."""
        words = ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--cgroup", "--uts", "--ipc"]
        account = ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--init-groups", "--"]
        return [*words, "--", *([] if root else account), "env", f"--chdir={directory}"]

    def environment(self, *, root: bool) -> dict[str, str]:
        """What a login would set."""
        own = {"HOME": "/root", "USER": "root", "LOGNAME": "root"} if root else {
            "HOME": str(self.home),
            "USER": ACCOUNT,
            "LOGNAME": ACCOUNT,
            "XDG_RUNTIME_DIR": f"/run/user/{self.uid}",
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path=/run/user/{self.uid}/bus",
        }  # fmt: skip
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "DBUS_"))}
        return {**kept, **own, "XDG_CACHE_HOME": str(self.home / ".cache")}

    def call(self, *command: str, root: bool = False, check: bool = True) -> str:
        """What a command in there prints."""
        done = subprocess.run(
            [*self.enter(Path("/"), root=root), *command], env=self.environment(root=root),
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def systemctl(self, *words: str, root: bool) -> str:
        """systemctl for the system's manager or the account's."""
        return self.call("systemctl", *([] if root else ["--user"]), "--no-pager", *words, root=root).strip()

    def limit(self, control_group: str, *names: str) -> str:
        """A limit of a unit as the kernel has it; ``names`` are its files in v2 and v1."""
        paths = [
            place / self.cgroup / control_group.lstrip("/") / name
            for place in hierarchies()
            for name in names
        ]
        (found,) = [path.read_text().strip() for path in paths if path.exists()]
        return found


@contextlib.contextmanager
def systemd_machine(scratch: Path) -> Iterator[SystemdMachine]:
    """Boot one; ``scratch`` is a directory that everybody may enter."""
    home = scratch / "home"
    home.mkdir(mode=0o755)
    # As if the account had run `make setup` itself: what it would download or build is there.
    for name in ("loki", "ollama", "promtail", "pulumi", "pulumi-home"):
        if (CACHE / name).exists():
            shutil.copytree(
                CACHE / name, home / ".cache" / "hearth" / name, symlinks=True, copy_function=_link,
                ignore=shutil.ignore_patterns(".lock"),
            )  # fmt: skip
    uid = _free_uid()
    groups = _cgroups(scratch.name)
    log = scratch / "systemd.log"
    closed = [
        word
        for path in (Path(sys.base_prefix).resolve(), Path(sys.prefix).absolute())
        for place in _closed(path)
        for word in (str(place), str(path))
    ]
    unshared = ["--mount", "--pid", "--fork", "--cgroup", "--uts", "--ipc", "--kill-child"]
    launcher = subprocess.Popen(
        ["unshare", *unshared, "sh", "-c", _BOOT, "boot", str(uid), str(home), *closed],
        stdin=subprocess.DEVNULL,
        stdout=log.open("w"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=lambda: _enter(groups),
    )
    try:
        machine = SystemdMachine(_started(launcher, log), uid, home, scratch.name)
        _ready(machine, log)
        yield machine
    finally:
        # Its process 1 dies with the launcher, and everything in there with process 1.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(launcher.pid, signal.SIGKILL)
        launcher.wait(10)
        _remove(groups)


def _link(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target


def _free_uid() -> int:
    """One of a person's: their logs go to a journal of their own."""
    import pwd

    taken = {entry.pw_uid for entry in pwd.getpwall()}
    return next(uid for uid in range(4100, 5000) if uid not in taken)


def _closed(path: Path) -> list[Path]:
    """The topmost directory on the way that does not let everybody through, if there is one."""
    ways = [place for place in reversed([path, *path.parents]) if not place.stat().st_mode & 0o001]
    return ways[:1]


def _cgroups(name: str) -> list[Path]:
    made = []
    for hierarchy in hierarchies():
        group = hierarchy / name
        with contextlib.suppress(OSError):
            (hierarchy / "cgroup.subtree_control").write_text("+cpu +memory +pids")
        group.mkdir()
        if (hierarchy / "cpuset.cpus").exists():  # v1: empty until told, and then takes no process
            for file in ("cpuset.cpus", "cpuset.mems"):
                (group / file).write_text((hierarchy / file).read_text())
        made.append(group)
    return made


def _enter(groups: list[Path]) -> None:
    for group in groups:
        (group / "cgroup.procs").write_text(str(os.getpid()))


def _remove(groups: list[Path]) -> None:
    deadline = time.monotonic() + 10
    while groups and time.monotonic() < deadline:
        for group in groups:
            for directory in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
                with contextlib.suppress(OSError):
                    directory.rmdir()
            with contextlib.suppress(OSError):
                group.rmdir()
        groups = [group for group in groups if group.exists()]
        time.sleep(0.05)


def _started(launcher: subprocess.Popen[bytes], log: Path) -> int:
    children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children")
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and launcher.poll() is None:
        for pid in children.read_text().split():
            if Path(f"/proc/{pid}/comm").read_text().strip() == "systemd":
                return int(pid)
        time.sleep(0.05)
    raise RuntimeError(f"systemd does not start here:\n{log.read_text()}")


def _ready(machine: SystemdMachine, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while "running" not in machine.call("systemctl", "--user", "is-system-running", check=False):
        if time.monotonic() > deadline:
            raise RuntimeError(f"the account's manager does not answer:\n{log.read_text()}")
        time.sleep(0.1)
    # On disk, as Debian has it: the journal of a user is then one that the user may read.
    machine.call("journalctl", "--flush", root=True)
