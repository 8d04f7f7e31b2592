"""``smoke`` and ``models`` against a front door."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from ops_door import FakeDoor, serving

DECLARED = {"ollama": {"models": ["embed:1b", "chat:1b", "absent:1b"]}, "nginx": {}, "redis": {}}
NO_NAME = 'pull model manifest: Get "https://hub/v2": dial tcp: lookup hub: no such host'


def self_signed(directory: Path) -> Path:
    """A key and a certificate that nobody has reason to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    path = directory / "tls.pem"
    path.write_bytes(private + certificate.public_bytes(pem))
    return path


@pytest.fixture
def door() -> Iterator[FakeDoor]:
    with serving(FakeDoor()) as opened:
        yield opened


@pytest.fixture
def deployed(project, door):
    project.stack(DECLARED)
    project.outputs({"nginx": f"127.0.0.1:{door.port}"}, list(DECLARED))
    return project


@pytest.mark.usefixtures("deployed")
class TestSmoke:
    def test_the_first_declared_model_that_answers_prompts_is_asked(self, door, hearth):
        door.models = {"embed:1b": ["embedding"], "chat:1b": ["completion"]}
        result = hearth("smoke")
        assert result.status == 0, result.err
        assert "generate chat:1b" in door.asked
        assert "missing: absent:1b; `./hearth models --stack test`" in result.out
        assert "closed: only its neighbours reach it" in result.out
        assert "random" not in result.out

    def test_an_answer_cannot_steer_the_terminal(self, door, hearth):
        door.models = {"chat:1b": ["completion"]}
        result = hearth("smoke")
        assert "because it·[2J is" in result.out
        assert "\x1b[2J" not in result.out

    def test_without_any_model_a_random_one_is_made_and_named_as_that(self, door, hearth):
        result = hearth("smoke")
        assert result.status == 0, result.err
        assert door.asked[-2:] == ["create hearth-random-weights", "generate hearth-random-weights"]
        assert "Its words are random" in result.out

    def test_data(self, door, hearth):
        door.models = {"chat:1b": ["completion"]}
        found = json.loads(hearth("smoke", "--json").out)
        assert found["answer"]["missing"] == ["embed:1b", "absent:1b"]
        assert {row["service"]: row["state"].split(":")[0] for row in found["services"]} == {
            "nginx": "answers",
            "ollama": "closed",
            "redis": "closed",
        }

    def test_an_open_port_that_does_not_accept_is_a_failure(self, deployed, door, hearth):
        door.models = {"chat:1b": ["completion"]}
        # Nothing listens on port 1.
        deployed.outputs({"nginx": f"127.0.0.1:{door.port}", "redis": "127.0.0.1:1"}, list(DECLARED))
        result = hearth("smoke")
        assert result.status == 1
        assert "redis: open, and nothing accepts" in result.err

    def test_the_password_is_taken_from_the_vault(self, deployed, door, hearth):
        deployed.stack({**DECLARED, "nginx": {"basic-auth": True}})
        door.models, door.password = {"chat:1b": ["completion"]}, "sesame"
        assert "nginx-basic-auth: No such file" in hearth("smoke").err
        vault = deployed.root / "secrets" / "nginx-basic-auth"
        vault.parent.mkdir(parents=True)
        vault.write_text("wrong")
        assert "refuses the password" in hearth("smoke").err
        vault.write_text("sesame")
        result = hearth("smoke")
        assert result.status == 0, result.err
        assert "sesame" not in result.out + result.err

    def test_a_self_signed_certificate_is_taken(self, deployed, hearth):
        deployed.stack({**DECLARED, "nginx": {"tls": "self-signed"}})
        with serving(FakeDoor({"chat:1b": ["completion"]}), self_signed(deployed.path)) as door:
            deployed.outputs({"nginx": f"127.0.0.1:{door.port}"}, list(DECLARED))
            result = hearth("smoke")
        assert result.status == 0, result.err
        assert f"curl -k https://127.0.0.1:{door.port}/ollama/api/generate" in result.out

    def test_a_door_that_is_shut_is_one_sentence(self, deployed, hearth):
        deployed.outputs({"nginx": "127.0.0.1:1"}, list(DECLARED))
        result = hearth("smoke")
        assert result.status == 1
        assert result.err.startswith("hearth: the front door http://127.0.0.1:1 does not answer")

    @pytest.mark.parametrize(
        ("services", "missing"),
        [({"redis": {}}, "has no front door"), ({"redis": {}, "nginx": {}}, "has no language models")],
    )
    def test_where_no_model_can_be_asked_addresses_are_shown(self, deployed, door, hearth, services, missing):
        deployed.stack(services)
        result = hearth("smoke")
        assert result.status == 0, result.err
        assert f"no model was asked: this stack {missing}" in result.err
        assert "closed: only its neighbours reach it" in result.out and "./hearth drift" in result.out
        assert json.loads(hearth("smoke", "--json").out)["answer"] is None
        # Who says what to ask wants an answer.
        refused = hearth("smoke", "--prompt", "Hello?")
        assert refused.status == 1 and refused.err.startswith(f"hearth: this stack {missing}")

    def test_a_closed_port_is_a_failure_where_no_model_can_be_asked(self, deployed, hearth):
        deployed.stack({"redis": {}})
        deployed.outputs({"redis": "127.0.0.1:1"}, ["redis"])
        result = hearth("smoke")
        assert result.status == 1 and "redis: open, and nothing accepts" in result.err


@pytest.mark.usefixtures("deployed")
class TestModels:
    def test_what_is_missing_is_fetched(self, door, hearth):
        door.models = {"embed:1b": ["embedding"], "chat:1b": ["completion"]}
        result = hearth("models", "--json")
        assert result.status == 0, result.err
        assert door.asked == ["pull absent:1b"]
        assert json.loads(result.out)["missing"] == []

    def test_a_hub_out_of_reach_is_one_sentence(self, door, hearth):
        door.hub_error = NO_NAME
        result = hearth("models")
        assert result.status == 1
        assert result.err.count("the model hub cannot be reached from Ollama (no such host)") == 1

    def test_a_name_that_the_hub_does_not_know(self, door, hearth):
        door.hub_error = "pull model manifest: file does not exist"
        assert "chat:1b: the hub knows no such model" in hearth("models").err

    def test_check_fetches_nothing(self, door, hearth):
        assert hearth("models", "--check").status == 1
        assert door.asked == []


def test_a_stack_that_is_not_deployed(project, hearth):
    project.stack(DECLARED)
    result = hearth("smoke")
    assert result.status == 1
    assert "stack test is not deployed" in result.err


def test_without_pulumi(project, hearth, monkeypatch):
    project.stack(DECLARED)
    monkeypatch.setenv("PATH", "/nonexistent")
    assert "pulumi: not found; run `make setup`" in hearth("smoke").err
