"""The host commands as a command resource runs them, and the documents that tests give them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from tests.host.systemd_manager import UserManager

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = {"interval": 1, "timeout": 2, "retries": 5, "start_period": 5}


class Machine:
    """Runs verbs against one data root."""

    def __init__(
        self,
        root: Path,
        *,
        runtime: str = "supervisord",
        scope: str | None = None,
        manager: UserManager | None = None,
    ) -> None:
        self.root = root
        self.common = {"runtime": runtime, "scope": scope}
        self.manager = manager
        self.env = dict(os.environ, **(manager.env if manager else {}))

    def popen(self, *arguments: str, document: dict | None = None) -> subprocess.Popen[str]:
        """Start a verb with its document already on stdin."""
        process = subprocess.Popen(
            [sys.executable, "-m", "host", *arguments],
            cwd=REPOSITORY,
            text=True,
            env=self.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        process.stdin.write(json.dumps(document or {}))
        process.stdin.close()
        process.stdin = None
        return process

    def verb(self, *arguments: str, document: dict | None = None) -> subprocess.CompletedProcess[str]:
        """Run a verb to its end."""
        process = self.popen(*arguments, document=document)
        output, errors = process.communicate(timeout=100)
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)

    def apply(self, document: dict) -> str:
        """Apply; must succeed. Returns stdout."""
        done = self.verb("apply", document=document)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def refused(self, document: dict) -> str:
        """Apply; must fail. Returns stderr."""
        done = self.verb("apply", document=document)
        assert done.returncode == 1, (done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done.stderr

    def pid(self, service: str) -> int:
        """The process of a service as supervisord sees it; 0 when it does not run."""
        from host.managers import daemon

        server = daemon.connect(self.root)
        return next((entry["pid"] for entry in server.getAllProcessInfo() if entry["group"] == service), 0)

    def show(self, service: str, name: str) -> str:
        """A property of the service's systemd unit."""
        argv = ["systemctl", "--user", "show", f"--property={name}", "--value", f"hearth-{service}.service"]
        return subprocess.run(argv, env=self.env, capture_output=True, text=True, check=True).stdout.strip()

    def kill_supervisord(self) -> None:
        """SIGKILL, as an out-of-memory killer or a crash would."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            pid = int((self.root / "supervisor" / "supervisord.pid").read_text())
            os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(psutil.Error):
                psutil.Process(pid).wait(5)

    def unit(self, service: str, command: str, account: str | None) -> dict:
        """The unit for whichever manager this is."""
        home = self.root / service
        if self.manager:
            content = (
                f"[Unit]\nDescription={service}\n[Service]\nExecStart={command}\nWorkingDirectory={home}/data\nRestart=on-failure\n"
                f"RestartSec=200ms\nMemoryMax=64M\nStandardOutput=append:{home}/log/{service}.log\nStandardError=inherit\n"
                "NoNewPrivileges=yes\n[Install]\nWantedBy=default.target\n"
            )
            return {"path": str(self.manager.units / f"hearth-{service}.service"), "content": content}
        content = (
            f"[program:{service}]\ncommand={command}\ndirectory={home}/data\nautorestart=true\nstartsecs=1\nstartretries=1\n"
            f"stopwaitsecs=5\nstopasgroup=true\nkillasgroup=true\nredirect_stderr=true\nstdout_logfile={home}/log/{service}.log\n"
            + (f"user={account}\n" if account else "")
        )
        return {"path": str(self.root / "supervisor" / "programs" / f"{service}.conf"), "content": content}

    def document(self, service: str, argv: list[str], port: int, **more: Any) -> dict:
        """A document for a process that listens on ``port``."""
        home = self.root / service
        return {
            "root": str(self.root),
            "service": service,
            **self.common,
            "directories": [{"path": str(home / name), "mode": "0750"} for name in ("data", "run", "log")],
            "files": [],
            "check": [],
            "unit": self.unit(service, " ".join(argv), more.get("account")),
            "environment_path": f"{self.root}/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "health": {"http": f"http://127.0.0.1:{port}/", **PATIENCE},
            "tasks": [],
            "env": {},
            "restart_on": "",
            "ports": [port],
            **more,
        }

    def web(self, port: int, *, text: str = "hello", **more: Any) -> dict:
        """A small web server of Python's own, with a page as its configuration."""
        page = self.root / "web" / "config" / "index.html"
        argv = [
            sys.executable,
            "-m",
            "http.server",
            str(port),
            "--bind",
            "127.0.0.1",
            "--directory",
            str(page.parent),
        ]
        files = [{"path": str(page), "content": text, "mode": "0640"}]
        return self.document("web", argv, port, **{"files": files, **more})

    def redis(self, port: int, *, extra: str = "", **more: Any) -> dict:
        """A real redis-server, under an account of its own where the manager can switch."""
        home = self.root / "redis"
        conf = home / "config" / "redis.conf"
        content = f"bind 127.0.0.1\nport {port}\ndir {home}/data\nappendonly yes\ndaemonize no\n{extra}"
        health = {"argv": ["redis-cli", "-p", str(port), "ping"], **PATIENCE}
        files = [{"path": str(conf), "content": content, "mode": "0640"}]
        return self.document(
            "redis",
            ["/usr/bin/redis-server", str(conf)],
            port,
            **{"files": files, "health": health, "account": None if self.manager else "hearth-redis", **more},
        )


def processes(marker: str) -> list[psutil.Process]:
    """Living processes with ``marker`` in their command line or as their directory."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and marker in " ".join(
                [*process.cmdline(), process.cwd()]
            ):
                found.append(process)
        except psutil.Error:
            continue
    return found
