"""mtail reads what is rendered for it, and counts nginx's lines as they arrive: by Docker, and by datagrams."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.rendered import lay_out
from support.stacks import plan, values
from support.tools import call, tool

from tests.e2e.story import eventually

LINES = (
    "hearth-request shop 200 0.012",
    "hearth-request shop 503 0.250",
    "hearth-stream ollama 200 12.5",
    "10.0.0.1 hearth-request shop 500 1.0 of somebody who asks for that path",
)
COUNTED = {
    'nginx_requests_by_service_total{service="shop",status="2xx"}': "1",
    'nginx_requests_by_service_total{service="shop",status="5xx"}': "1",
    'nginx_requests_by_service_total{service="ollama",status="2xx"}': "1",
    'nginx_request_seconds_count{service="shop"}': "2",
    'nginx_request_seconds_bucket{service="shop",le="0.2"}': "1",
    'nginx_stream_seconds_count{service="ollama"}': "1",
    'nginx_stream_seconds_sum{service="ollama"}': "12.5",
}


def program(runtime: str, directory: Path) -> Path:
    stack = values(runtime, {"nginx": {}, "mtail": {}}, data=str(directory / "stack"))
    return lay_out(plan(stack).service("mtail"), directory)["requests.mtail"]


@pytest.mark.parametrize("runtime", ["docker", "supervisord"])
def test_mtail_accepts_its_program_and_notices_a_mistake(runtime: str, tmp_path: Path) -> None:
    path = program(runtime, tmp_path)
    words = (tool("mtail"), "--compile_only", "--logtostderr", f"--progs={path}")
    assert call(*words).returncode == 0
    path.write_text(path.read_text().replace("[$service]", "[$servise]"))
    assert call(*words).returncode != 0


def counted(path: Path, log: Path) -> dict[str, str]:
    """Metrics with their values, after one look at a file."""
    done = call(
        tool("mtail"), "--one_shot", "--one_shot_format=prometheus", "--emit_prog_label=false",
        f"--progs={path}", f"--logs={log}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = (line.rsplit(" ", 1) for line in done.stdout.splitlines() if line.startswith("nginx_"))
    return dict(rows)


def docker_line(text: str, stack: str = "test") -> str:
    attributes = {"hearth.service": "nginx", "hearth.stack": stack}
    entry = {"log": f"{text}\n", "stream": "stdout", "attrs": attributes, "time": "2026-11-30T04:00:00Z"}
    return json.dumps(entry, separators=(",", ":")) + "\n"


def test_lines_of_containers_are_counted_of_this_stack_alone(tmp_path: Path) -> None:
    log = tmp_path / "container-json.log"
    others = [docker_line(LINES[0], stack) for stack in ("other", "test2")]
    log.write_text("".join([*map(docker_line, LINES), *others]))
    assert counted(program("docker", tmp_path), log).items() >= COUNTED.items()
    assert len(counted(program("docker", tmp_path), log)) == len(counted_alone(tmp_path))


def counted_alone(directory: Path) -> dict[str, str]:
    log = directory / "alone-json.log"
    log.write_text("".join(map(docker_line, LINES[:3])))
    return counted(program("docker", directory), log)


def test_datagrams_are_counted(tmp_path: Path) -> None:
    log = tmp_path / "lines"
    log.write_text("".join(f"<190>Nov 30 04:40:00 nginx: {line}\n" for line in LINES))
    assert counted(program("supervisord", tmp_path), log).items() >= COUNTED.items()


ANSWERS = """from http.server import BaseHTTPRequestHandler, HTTPServer
class Shop(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(500 if self.path.startswith("/bad") else 200)
        self.end_headers()
HTTPServer(("127.0.0.1", {port}), Shop).serve_forever()
"""
NGINX, MTAIL, SHOP = 61560, 61561, 61562


@contextlib.contextmanager
def running(*argv: str | Path) -> Iterator[None]:
    process = subprocess.Popen([str(word) for word in argv], stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


def test_nginx_tells_mtail_of_each_request_by_service_and_nothing_of_it(tmp_path: Path) -> None:
    """Both for real, with what is rendered for them."""
    shop = {"type": "api", "command": ["/bin/true"], "port": SHOP, "route": "/shop/"}
    services = {"nginx": {"port": NGINX}, "mtail": {"port": MTAIL}, "shop": shop}
    made = plan(values("supervisord", services, data=str(tmp_path / "stack")))
    for name in ("nginx", "mtail"):
        lay_out(made.service(name), tmp_path)
    _, *nginx = made.service("nginx").process.argv
    _, *mtail = made.service("mtail").process.argv
    metrics, front = f"http://127.0.0.1:{MTAIL}/metrics", f"http://127.0.0.1:{NGINX}/shop"
    with (
        running(tool("mtail"), *mtail),
        running(tool("nginx"), *nginx),
        running(sys.executable, "-c", ANSWERS.format(port=SHOP)),
    ):
        eventually(lambda: httpx.get(metrics).status_code == 200)
        eventually(lambda: httpx.get(f"{front}/").status_code == 200)
        for path in ("/", "/?hearth-request=a", "/bad", "/bad/hearth-request shop 599 9.9"):
            httpx.get(front + path, headers={"User-Agent": "x hearth-request other 200 1.0"})
        httpx.get(f"http://127.0.0.1:{NGINX}/healthz")
        wanted = {
            'nginx_requests_by_service_total{service="shop",status="5xx"} 2',
            'nginx_request_seconds_bucket{service="shop",le="0.2"}',
        }
        eventually(lambda: all(line in httpx.get(metrics).text for line in wanted))
        found = re.findall(r"^nginx_requests_by_service_total.*$", httpx.get(metrics).text, re.MULTILINE)
        assert {re.search('service="(.*?)"', line)[1] for line in found} == {"shop"}
