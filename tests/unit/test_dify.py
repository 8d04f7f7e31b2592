"""Dify: parts that find each other, and can be left out one by one."""

from __future__ import annotations

from typing import Any

import pytest
from support.stacks import RUNTIMES, contained, kinds, plan, values

from components.errors import ConfigurationError
from components.spec import ServiceSpec

PARTS = [kind for kind in kinds("docker") if kind.startswith("dify-")]
STORES: dict[str, Any] = {"postgres": {}, "redis": {}}


def whole(without: str = "", **settings: Any) -> dict[str, ServiceSpec]:
    services = STORES | {part: settings.get(part.replace("-", "_"), {}) for part in PARTS if part != without}
    return {spec.name: spec for spec in plan(values("docker", services)).services}


def written(spec: ServiceSpec) -> str:
    return "\n".join([*spec.process.env.values(), *(file.content for file in spec.files)])


@pytest.mark.parametrize("part", [part for part in PARTS if part != "dify-api"])
def test_every_part_but_the_api_may_be_left_out(part: str) -> None:
    found = whole(without=part)
    assert part not in found
    for spec in found.values():
        assert f"http://{part}" not in written(spec)


def test_the_api_is_led_to_every_part_that_is_there() -> None:
    found = written(whole()["dify-api"])
    for address in (
        "http://dify-plugin-daemon:5002",
        "http://dify-sandbox:8194",
        "http://dify-ssrf-proxy:3128",
    ):
        assert address in found


@pytest.mark.parametrize("runtime", [name for name in RUNTIMES if not contained(name)])
def test_without_containers_it_is_refused_in_a_sentence(runtime: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        plan(values(runtime, STORES | {"dify-api": {}}))
    (problem,) = refusal.value.problems
    assert problem.path == "hearth:services.dify-api"
    assert "runs in containers only; set hearth:runtime: docker" in problem.message


def test_those_who_talk_share_a_key_and_no_more() -> None:
    names = {name: {ref.name for ref in spec.secrets} for name, spec in whole().items()}
    assert "dify-api-plugins" in names["dify-api"] & names["dify-plugin-daemon"]
    assert names["dify-sandbox"] == {"dify-api-sandbox"}
    assert "dify-api-key" in names["dify-worker"]
    assert "dify-api-key" not in names["dify-plugin-daemon"] | names["dify-sandbox"]


def test_the_worker_reads_the_files_that_the_api_was_given() -> None:
    (volume,) = whole()["dify-worker"].volumes
    assert (volume.name, volume.of) == ("data", "dify-api")
    assert volume.path == whole()["dify-api"].volumes[0].path


def test_the_clock_and_the_worker_are_asked_in_their_own_ways() -> None:
    assert "celery" in whole()["dify-worker"].health.argv
    assert "celery" not in whole(dify_worker={"role": "beat"})["dify-worker"].health.argv


def test_code_reaches_the_world_through_the_proxy_or_not_at_all() -> None:
    assert whole()["dify-sandbox"].process.env["HTTP_PROXY"] == "http://dify-ssrf-proxy:3128"
    alone = whole(without="dify-ssrf-proxy")["dify-sandbox"].process.env
    assert alone["ENABLE_NETWORK"] == "false"
    assert "HTTP_PROXY" not in alone
