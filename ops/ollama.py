"""Ollama's HTTP API: https://github.com/ollama/ollama/blob/main/docs/api.md"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ops.errors import Failure

if TYPE_CHECKING:
    import httpx


class OllamaError(Failure):
    """Ollama answered with an error of its own."""


def full_name(model: str) -> str:
    """``model`` as Ollama lists it: the tag ``latest`` is what a name without one means."""
    return model if ":" in model.rpartition("/")[2] else f"{model}:latest"


class Ollama:
    """One server, at ``prefix`` of ``http``. Every method raises ``Failure``."""

    def __init__(self, http: httpx.Client, prefix: str) -> None:
        self._http = http
        self._api = f"{prefix.rstrip('/')}/api"

    def models(self) -> set[str]:
        """Full names of the models that are there."""
        return {model["name"] for model in self._json("GET", "tags")["models"]}

    def generates(self, model: str) -> bool:
        """Whether it answers prompts; an embedding model does not."""
        return "completion" in self._json("POST", "show", {"model": model})["capabilities"]

    def generate(self, model: str, prompt: str, tokens: int) -> Iterator[str]:
        """The answer, part by part as it comes."""
        body = {"model": model, "prompt": prompt, "options": {"num_predict": tokens}}
        for part in self._lines("generate", body):
            yield part.get("response", "")

    def pull(self, model: str) -> Iterator[Mapping[str, Any]]:
        """Fetch it from its hub; what is done so far: ``status``, ``digest``, ``total``, ``completed``."""
        yield from self._lines("pull", {"model": model})

    def create(self, name: str, gguf: bytes, parameters: Mapping[str, Any]) -> None:
        """Make a model of a file's content."""
        digest = f"sha256:{hashlib.sha256(gguf).hexdigest()}"
        with _spoken():
            self._refuse(self._http.post(f"{self._api}/blobs/{digest}", content=gguf))
        body = {
            "model": name,
            "files": {f"{name}.gguf": digest},
            "template": "{{ .Prompt }}",
            "parameters": dict(parameters),
            "stream": False,
        }
        self._json("POST", "create", body)

    def _json(self, method: str, call: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        with _spoken():
            answer = self._http.request(method, f"{self._api}/{call}", json=body)
            self._refuse(answer)
            return answer.json()

    def _lines(self, call: str, body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        with _spoken(), self._http.stream("POST", f"{self._api}/{call}", json=body) as answer:
            if answer.is_error:
                answer.read()
            self._refuse(answer)
            for line in filter(None, answer.iter_lines()):
                part = json.loads(line)
                # The status was sent before the error was known.
                if "error" in part:
                    raise OllamaError(part["error"])
                yield part

    def _refuse(self, answer: httpx.Response) -> None:
        if answer.status_code == 401:
            raise Failure("the front door refuses the password; run `pulumi up` to deliver it again")
        if answer.status_code in (502, 504):
            raise Failure("the front door answers, and Ollama behind it does not; see ./hearth drift")
        if answer.is_error:
            text = answer.text
            with contextlib.suppress(ValueError, TypeError, KeyError):
                text = json.loads(text)["error"]
            raise OllamaError(" ".join(str(text).split())[:300])


@contextlib.contextmanager
def _spoken() -> Iterator[None]:
    import httpx

    try:
        yield
    except httpx.HTTPError as error:
        why = str(error) or type(error).__name__
        raise Failure(f"the connection to Ollama broke ({why}); see ./hearth drift") from None
    except (ValueError, KeyError):
        raise Failure("what answers in Ollama's place is not Ollama; see ./hearth plan") from None
