"""Requests through nginx, Celery's tasks and PgBouncer's pools as figures; an endpoint that fails is an alert."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from support.stacks import plan

from tests.e2e.leaks import leaks
from tests.e2e.stack_files import Watched
from tests.e2e.story import eventually, settled
from tests.e2e.workbench import PROJECT, Workbench

REDIS, POSTGRES, POOL, NGINX, MTAIL, PROMETHEUS, ALERTMANAGER, FLOWER, SHOP = range(61500, 61509)
WATCHED = Watched(f"http://127.0.0.1:{PROMETHEUS}", f"http://127.0.0.1:{ALERTMANAGER}")
# A program of the owner's that fails, and is slow, when it is asked to.
PROGRAM = """import os, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Shop(BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(0.4 if self.path == "/slow" else 0)
        self.send_response(500 if self.path.startswith("/bad") else 200)
        self.end_headers()


ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Shop).serve_forever()
"""


def config(shop: Path) -> dict[str, Any]:
    return {
        "runtime": "supervisord",
        "host": {"reserve": "512MiB"},
        "services": {
            "redis": {"port": REDIS, "memory": "64MiB"},
            "postgres": {
                "port": POSTGRES,
                "version": 15,
                "memory": "256MiB",
                "max-connections": 20,
                "databases": [{"name": "app", "extensions": []}],
            },
            "pgbouncer": {"port": POOL, "pool": 2, "overflow": 0},
            "nginx": {"port": NGINX},
            "mtail": {"port": MTAIL},
            "prometheus": {"port": PROMETHEUS, "memory": "256MiB", "interval": "1s"},
            "alertmanager": {"port": ALERTMANAGER, "group-wait": "0s"},
            "flower": {"port": FLOWER},
            "shop": {
                "type": "agent",
                "command": ["/usr/bin/python3", str(shop)],
                "port": SHOP,
                "route": "/shop/",
                "health": "/healthz",
                "memory": "64MiB",
            },
            "worker": {
                "directory": str(PROJECT / "examples" / "worker"),
                "uses": ["redis"],
                "broker": "redis",
                "concurrency": 1,
                "memory": "192MiB",
            },
            "redis-exporter": {"port": 61510},
            "pgbouncer-exporter": {"port": 61511},
        },
    }


@pytest.fixture(scope="module")
def stack(bench: Callable[..., Workbench], scratch: Path) -> Workbench:
    """The stack, up."""
    shop = scratch / "shop.py"
    shop.write_text(PROGRAM)
    made = bench("counted", config(shop))
    made.up()
    return made


def ask(path: str, times: int = 1) -> None:
    for _ in range(times):
        httpx.get(
            f"http://127.0.0.1:{NGINX}/shop{path}", headers={"User-Agent": "hearth-request shop 599 9.9"}
        )


def value(query: str) -> float:
    """The one figure that the query yields; 0 where there is none yet."""
    found = WATCHED.series(query)
    return found[0][1] if found else 0.0


def test_every_job_is_up(stack: Workbench) -> None:
    assert WATCHED.jobs() >= {"mtail", "flower", "pgbouncer-exporter", "redis-exporter"}
    eventually(lambda: not WATCHED.down(), seconds=60)
    eventually(lambda: value("pgbouncer_up") == 1)


def test_each_request_through_nginx_is_counted_once(stack: Workbench) -> None:
    ask("/", 20)
    ask("/bad", 2)
    counted = 'nginx_requests_by_service_total{service="shop",status="%s"}'
    eventually(lambda: value(counted % "2xx") == 20)
    eventually(lambda: value(counted % "5xx") == 2)
    assert {labels["service"] for labels, _ in WATCHED.series("nginx_requests_by_service_total")} == {"shop"}
    # Nothing that is asked from elsewhere than a route is somebody's.
    httpx.get(f"http://127.0.0.1:{NGINX}/healthz")
    assert value("sum(nginx_requests_by_service_total)") == 22


@pytest.mark.parametrize("share", ["0.5", "0.95", "0.99"])
def test_how_long_requests_take_is_known_by_service(stack: Workbench, share: str) -> None:
    ask("/", 3)
    quantile = f"histogram_quantile({share}, sum by (service, le) (rate(nginx_request_seconds_bucket[1m])))"
    assert 0 < eventually(lambda: value(quantile)) < 0.2


def test_an_endpoint_that_fails_is_an_alert(stack: Workbench) -> None:
    def fails() -> bool:
        ask("/bad", 3)
        return "ServiceErrors" in WATCHED.alerts("shop")

    eventually(fails, seconds=60)


def test_an_endpoint_that_is_slow_is_to_be_an_alert(stack: Workbench) -> None:
    def slow() -> bool:
        ask("/slow", 3)
        # It is one once it has stayed so for five minutes.
        return bool(WATCHED.series('ALERTS{alertname="ServiceSlow",service="shop",job="mtail"}'))

    eventually(slow, seconds=60)


def test_tasks_are_counted(stack: Workbench) -> None:
    url = f"redis://:{stack.secret('redis')}@127.0.0.1:{REDIS}/0"
    # The password is in no command line.
    script = (
        "import sys; from celery import Celery; app = Celery(broker=sys.stdin.read())\n"
        "for _ in range(3): app.send_task('task.email.send', kwargs={'to': 'a'}, queue='default')"
    )
    # Flower asks a worker for its events once it has heard of it.
    eventually(lambda: value("sum(flower_worker_online)") == 1, seconds=60)
    subprocess.run([stack.root / "bin" / "worker-python", "-c", script], input=url, text=True, check=True)
    done = 'sum(flower_events_total{task="task.email.send",type="task-%s"})'
    eventually(lambda: value(done % "succeeded") == 3)
    assert value(done % "received") == 3
    eventually(lambda: value('redis_key_size{key="default"}') == 0)


def test_flower_shows_its_page_to_whoever_has_the_password_and_lets_nobody_change_anything(
    stack: Workbench,
) -> None:
    page, account = f"http://127.0.0.1:{FLOWER}", ("hearth", stack.secret("flower-admin"))
    assert httpx.get(f"{page}/workers").status_code == 401
    assert httpx.get(f"{page}/workers", auth=account).status_code == 200
    stop = f"{page}/api/worker/shutdown/worker@counted"
    assert httpx.post(stop).status_code == 401
    assert httpx.post(stop, auth=account).status_code in (403, 405)


def through_the_pool(user: str, password: str, database: str) -> psycopg.Connection[Any]:
    address = f"host=127.0.0.1 port={POOL} user={user} password={password} dbname={database}"
    return psycopg.connect(address, autocommit=True)


def test_the_pool_s_figures_are_there_and_its_account_changes_nothing(stack: Workbench) -> None:
    password = stack.secret("postgres-app")
    clients = [through_the_pool("app", password, "app") for _ in range(2)]
    for client in clients:
        client.execute("BEGIN")
    active = (
        'sum by (database) (pgbouncer_pools_client_active_connections{service="pgbouncer",database="app"})'
    )
    eventually(lambda: value(active) == 2)
    for client in clients:
        client.execute("ROLLBACK")
        client.close()
    assert value('pgbouncer_stats_queries_total{database="app"}') >= 0
    watch = stack.secret("pgbouncer.watch")
    cursor = psycopg.ClientCursor(through_the_pool("hearth-watch", watch, "pgbouncer"))
    assert cursor.execute("SHOW POOLS").fetchall()
    for word in ("PAUSE", "RELOAD", "SHUTDOWN"):
        with pytest.raises(psycopg.Error, match="admin access needed"):
            cursor.execute(word)
    with pytest.raises(psycopg.OperationalError):
        through_the_pool("hearth-watch", watch, "app")


def test_every_panel_about_them_is_answered(stack: Workbench, scratch: Path) -> None:
    whole = config(scratch / "shop.py")
    whole = {**whole, "data": str(stack.root), "services": {**whole["services"], "grafana": {}}}
    found = [
        panel
        for file in plan(whole, name=stack.stack).service("grafana").files
        if "/dashboards/" in file.path and file.path.endswith(".json")
        for panel in json.loads(file.content)["panels"]
        if re.search("nginx_re|flower_|pgbouncer_|redis_key_size", panel["targets"][0]["expr"])
    ]
    assert len(found) == 16
    for panel in found:
        (target,) = panel["targets"]
        answer = eventually(lambda query=target["expr"]: WATCHED.series(query))
        for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
            assert label in answer[0][0], panel["title"]


def test_no_secret_is_in_plain_text(stack: Workbench) -> None:
    assert leaks(stack, docker=False) == []


def test_nothing_is_left_to_do(stack: Workbench) -> None:
    settled(stack)
