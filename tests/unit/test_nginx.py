"""nginx: a front door whose routes are what the other services publish."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from support.stacks import plan, values

from components.catalog import entries
from components.errors import ConfigurationError
from components.neighbours import Requests, Route
from components.spec import ServiceSpec


def nginx(runtime: str = "docker", others: dict[str, Any] | None = None, **settings: Any) -> ServiceSpec:
    keys = {key.replace("_", "-"): value for key, value in settings.items()}
    services = {"nginx": keys, **({"ollama": {}} if others is None else others)}
    return plan(values(runtime, services)).service("nginx")


def configuration(spec: ServiceSpec) -> str:
    (found,) = [file.content for file in spec.files if file.path.endswith("/nginx.conf")]
    return found


def location(spec: ServiceSpec, prefix: str) -> str:
    """The block of one route."""
    return re.search(rf"location {re.escape(prefix)} {{\n(.*?)\n        }}", configuration(spec), re.DOTALL)[
        1
    ]


@pytest.fixture
def routed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let redis publish the routes that a test names."""

    def publish(*routes: Route) -> dict[str, Any]:
        entry = replace(entries()["redis"], requests=lambda settings: Requests(routes=routes))
        monkeypatch.setitem(entries(), "redis", entry)
        return {"redis": {}}

    return publish


def test_routes_are_those_of_the_services_that_run() -> None:
    assert "location /ollama/ {" in configuration(nginx())
    assert "/ollama/" not in configuration(nginx(others={"redis": {}}))


def test_it_starts_after_everything_it_leads_to() -> None:
    assert nginx().needs == ("ollama",)
    assert nginx(others={}).needs == ()


def test_a_service_under_another_name_is_reached_under_it() -> None:
    spec = nginx(others={"models": {"type": "ollama", "port": 12000}})
    assert "set $upstream models:12000;" in location(spec, "/ollama/")
    assert spec.needs == ("models",)


def test_tokens_are_streamed_not_buffered() -> None:
    block = location(nginx(), "/ollama/")
    assert "proxy_buffering off;" in block
    assert "proxy_read_timeout 1h;" in block
    assert "proxy_http_version 1.1;" in block


def test_a_route_that_does_not_stream_is_buffered(routed: Any) -> None:
    assert "proxy_buffering" not in location(nginx(others=routed(Route(prefix="/r/"))), "/r/")


def test_web_sockets_are_passed_on_where_asked_for(routed: Any) -> None:
    others = routed(Route(prefix="/ws/", websocket=True), Route(prefix="/r/"))
    spec = nginx(others=others)
    assert "proxy_set_header Upgrade $http_upgrade;" in location(spec, "/ws/")
    assert "proxy_set_header Connection $connection_upgrade;" in location(spec, "/ws/")
    assert "Upgrade" not in location(spec, "/r/")


def test_a_prefix_is_taken_off_unless_the_service_wants_it(routed: Any) -> None:
    others = routed(Route(prefix="/a/"), Route(prefix="/b/", strip_prefix=False))
    spec = nginx(others=others)
    assert "rewrite ^/a/(.*)$ /$1 break;" in location(spec, "/a/")
    assert "rewrite ^" not in location(spec, "/b/")


@pytest.mark.parametrize("runtime", ["docker", "supervisord"])
def test_a_route_may_lead_to_another_port_of_its_service(runtime: str, routed: Any) -> None:
    others = routed(Route(prefix="/metrics/", port=9121), Route(prefix="/r/"))
    spec = nginx(runtime, others=others)
    if runtime == "docker":
        assert "set $upstream redis:9121;" in location(spec, "/metrics/")
    else:
        assert "proxy_pass http://redis-9121;" in location(spec, "/metrics/")
        assert re.search(r"upstream redis-9121 {\s+server 127.0.0.1:9121;", configuration(spec))
        assert "proxy_pass http://redis;" in location(spec, "/r/")


def test_an_upload_may_be_as_large_as_the_service_takes() -> None:
    assert "client_max_body_size 64m;" in location(nginx(), "/ollama/")


def test_neighbours_that_move_are_looked_up_again() -> None:
    assert "resolver 127.0.0.11 valid=5s" in configuration(nginx("docker"))
    assert "upstream" not in re.sub(r"\$upstream", "", configuration(nginx("docker")))
    fixed = configuration(nginx("supervisord"))
    assert "resolver" not in fixed
    assert re.search(r"upstream ollama {\s+server 127.0.0.1:11434;", fixed)


def test_plain_by_default() -> None:
    spec = nginx()
    assert "ssl" not in configuration(spec)
    assert spec.secrets == ()
    assert spec.health.http.startswith("http://")


def test_a_certificate_of_its_own() -> None:
    spec = nginx(tls="self-signed")
    assert re.search(r"listen \S+ ssl;", configuration(spec))
    (secret,) = spec.secrets
    assert secret.kind == "certificate"
    assert spec.health.http.startswith("https://")


def test_a_certificate_from_a_file() -> None:
    (secret,) = nginx(tls="/etc/ssl/own.pem").secrets
    assert (secret.kind, secret.source) == ("file", "/etc/ssl/own.pem")


@pytest.mark.parametrize("tls", ["yes", "own.pem", "/etc/ssl/own.crt", True])
def test_anything_else_is_no_certificate(tls: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"hearth:services\.nginx\.tls"):
        nginx(tls=tls)


def test_a_password_on_every_route() -> None:
    spec = nginx(basic_auth=True)
    assert "auth_basic_user_file" in location(spec, "/ollama/")
    (htpasswd,) = [file for file in spec.files if file.path.endswith("/htpasswd")]
    assert htpasswd.secrets["password"].name == "nginx-basic-auth"
    assert "auth_basic" not in re.search(r"location = /healthz {.*?}", configuration(spec), re.DOTALL)[0]


def test_a_password_on_the_route_that_wants_one(routed: Any) -> None:
    others = routed(Route(prefix="/a/", basic_auth=True), Route(prefix="/b/"))
    spec = nginx(others=others)
    assert "auth_basic" in location(spec, "/a/")
    assert "auth_basic" not in location(spec, "/b/")


def test_only_loopback_of_the_host_is_published_unless_the_address_says_otherwise() -> None:
    (port,) = nginx().ports
    assert (port.publish, port.address) == (True, "127.0.0.1")
    (port,) = nginx(address="0.0.0.0").ports
    assert port.address == "0.0.0.0"


@pytest.mark.parametrize("runtime", ["supervisord", "systemd-user"])
def test_without_containers_it_binds_the_address_itself(runtime: str) -> None:
    assert "listen 127.0.0.1:8080;" in configuration(nginx(runtime))
    assert "listen 0.0.0.0:8080;" in configuration(nginx(runtime, address="0.0.0.0"))
    assert "listen [::1]:8080;" in configuration(nginx(runtime, address="::1"))


@pytest.mark.parametrize(
    ("address", "asked"),
    [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("192.0.2.7", "192.0.2.7"), ("::1", "[::1]")],
)
def test_without_containers_it_is_asked_where_it_listens(address: str, asked: str) -> None:
    assert nginx("supervisord", address=address).health.http == f"http://{asked}:8080/healthz"


@pytest.mark.parametrize("address", ["999.1.1.1", "localhost", "1.2.3", ":::", "127.0.0.1; evil on"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match=r"hearth:services\.nginx\.address"):
        nginx(address=address)


def test_workers_follow_the_limit_on_cores() -> None:
    assert "worker_processes 1;" in configuration(nginx(cpus="500m"))
    assert "worker_processes 2;" in configuration(nginx(cpus=2))
    assert "worker_processes 4;" in configuration(nginx(cpus=8))


def test_it_writes_nowhere_but_in_its_run_directory() -> None:
    spec = nginx()
    written = re.findall(r"^\s*(?:\w+_temp_path|pid) (\S+);", configuration(spec), re.MULTILINE)
    assert len(written) == 6
    assert {path.rpartition("/")[0] for path in written} == {"/run/hearth"}


def test_answers_are_kept_where_room_is_given_and_never_a_stream_or_a_guarded_one(routed: Any) -> None:
    others = routed(
        Route(prefix="/plain/"), Route(prefix="/stream/", stream=True), Route(prefix="/own/", basic_auth=True)
    )
    spec = nginx(others=others, cache="8MiB")
    assert "max_size=8388608" in configuration(spec)
    assert "proxy_cache answers;" in location(spec, "/plain/")
    assert "proxy_cache" not in location(spec, "/stream/") + location(spec, "/own/")
    assert "proxy_cache" not in configuration(nginx(others=others))
    assert "proxy_cache answers;" not in configuration(nginx(others=others, cache="8MiB", basic_auth=True))


def test_a_cache_that_its_memory_does_not_hold_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="raise memory, or lower cache"):
        nginx(memory="24MiB", cache="16MiB")
