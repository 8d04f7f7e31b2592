"""A restic repository that opens at once: its key is derived with the least work.

restic chooses its parameters by time, half a second for each call. For tests that call it hundreds of
times. The form of a key: https://restic.readthedocs.io/en/stable/100_references.html#keys-encryption-and-mac
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

_CHEAP = {"N": 2, "r": 8, "p": 1}


def make_quick(repository: Path, password: str) -> None:
    """Replace the repository's only key by an equal one that costs nothing to derive."""
    (path,) = (repository / "keys").iterdir()
    key = json.loads(path.read_bytes())
    sealed = base64.b64decode(key["data"])
    master = _crypted(_derived(password, key), sealed[:16], sealed[16:-16])
    key |= _CHEAP
    secret, nonce = _derived(password, key), os.urandom(16)
    text = _crypted(secret, nonce, master)
    key["data"] = base64.b64encode(nonce + text + _mac(secret, nonce, text)).decode()
    data = json.dumps(key).encode()
    path.unlink()
    (path.parent / hashlib.sha256(data).hexdigest()).write_bytes(data)


def _derived(password: str, key: dict) -> bytes:
    cost = {"n": key["N"], "r": key["r"], "p": key["p"], "maxmem": 2**30}
    return hashlib.scrypt(password.encode(), salt=base64.b64decode(key["salt"]), dklen=64, **cost)


def _crypted(secret: bytes, nonce: bytes, text: bytes) -> bytes:
    return Cipher(algorithms.AES(secret[:32]), modes.CTR(nonce)).encryptor().update(text)


def _mac(secret: bytes, nonce: bytes, text: bytes) -> bytes:
    mask = Cipher(algorithms.AES(secret[32:48]), modes.ECB()).encryptor().update(nonce)
    return Poly1305.generate_tag(secret[48:64] + mask, text)
