"""How what a session holds becomes bytes, and is read back: plain data only, encrypted where there is a key.

What is encrypted is authenticated too (AES in EAX mode: M. Bellare, P. Rogaway, D. Wagner, 2004), so a wrong key and a
changed byte are both noticed. Each value has a nonce of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from langgraph.checkpoint.base import ChannelVersions, Checkpoint
from langgraph.checkpoint.serde.base import CipherProtocol
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from virtual_agora.errors import (
    ConfigurationError,
    DamagedSessionError,
    EncryptedSessionError,
    MissingExtraError,
)

__all__ = [
    "ENCRYPTION_KEY",
    "SessionSerializer",
    "encryption_key",
    "make_serializer",
    "texts_apart",
]

ENCRYPTION_KEY = "VIRTUAL_AGORA_ENCRYPTION_KEY"
"""The variable with the key: 64 hexadecimal digits, 32 bytes."""

MAKE_ONE = 'python -c "import secrets; print(secrets.token_hex(32))"'

WRITTEN = frozenset({"null", "bytes", "bytearray", "msgpack"})
"""What sessions are written as. LangGraph also reads JSON, out of which it makes LangChain's objects: not here."""

CIPHER = "aes"
SESSION_ID = "session_id"


def encryption_key() -> bytes | None:
    """The key in the environment; None where the variable is not set.

    Raises:
        ConfigurationError: it is no key. The sentence does not repeat it.
    """
    given = os.environ.get(ENCRYPTION_KEY)
    if given is None:
        return None
    try:
        key = bytes.fromhex(given.strip())
    except ValueError:
        key = b""
    if len(key) != 32:
        raise ConfigurationError(
            f"{ENCRYPTION_KEY} is no key: it takes 64 hexadecimal digits.",
            hint=f"Make one with: {MAKE_ONE}. Without the variable, sessions are kept as they are.",
        )
    return key


def make_serializer() -> SessionSerializer:
    """The serializer for every database of sessions; it encrypts if there is a key in the environment.

    Raises:
        ConfigurationError: the key is none.
        MissingExtraError: the key is there, and what encrypts is not installed.
    """
    key = encryption_key()
    if key is None:
        return SessionSerializer()
    try:
        return SessionSerializer(EncryptedSerializer.from_pycryptodome_aes(key=key).cipher)
    except ImportError:
        raise MissingExtraError(
            f"{ENCRYPTION_KEY} is set, and what encrypts is not installed.",
            hint="Install it with: pip install 'virtual-agora[encryption]'",
        ) from None


class SessionSerializer(JsonPlusSerializer):
    """LangGraph's serializer, held to plain data (strict msgpack), and around it `cipher`, if there is one.

    With a cipher it also reads what was written without one, so a key can be introduced at any time.
    """

    def __init__(self, cipher: CipherProtocol | None = None) -> None:
        super().__init__(allowed_msgpack_modules=None)
        self._cipher = cipher

    @property
    def encrypts(self) -> bool:
        """Whether what is written is encrypted."""
        return self._cipher is not None

    def with_msgpack_allowlist(self, extra_allowlist: Iterable[Any]) -> SessionSerializer:
        """This serializer: the state is plain data, so there is nothing to be let in."""
        return self

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """The type of what is written, and its bytes."""
        type_, plain = super().dumps_typed(obj.text if isinstance(obj, _Apart) else obj)
        if self._cipher is None:
            return type_, plain
        name, secret = self._cipher.encrypt(plain)
        return f"{type_}+{name}", secret

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """The value that was written.

        Raises:
            EncryptedSessionError: it is encrypted, and the key is missing or another.
            DamagedSessionError: it is nothing that a session writes.
        """
        type_, _, name = data[0].partition("+")
        content = self._decrypted(name, data[1]) if name else data[1]
        if type_ not in WRITTEN:
            raise _damaged(f"there is a value of the type “{type_[:20]}” in it")
        try:
            return super().loads_typed((type_, content))
        except ValueError as error:
            raise _damaged("a value in it is broken off or changed") from error

    def _decrypted(self, name: str, content: bytes) -> bytes:
        if name != CIPHER:
            raise _damaged(f"there is a value encrypted by “{name[:20]}” in it")
        if self._cipher is None:
            raise EncryptedSessionError(
                f"The session is encrypted, and {ENCRYPTION_KEY} is not set.",
                hint="Set it, in the environment or in a file named .env, to the key the session was begun with.",
            )
        try:
            return self._cipher.decrypt(name, content)
        except ValueError:
            raise EncryptedSessionError(
                f"The session cannot be decrypted: the key in {ENCRYPTION_KEY} is another one, or the database was changed.",
                hint="Set it to the key the session was begun with; or restore the database from a copy.",
            ) from None


@dataclass(frozen=True, slots=True)
class _Apart:
    """A text that is to be written as a value of its own, as which it is read back."""

    text: str


def texts_apart(
    serializer: SessionSerializer, checkpoint: Checkpoint, new_versions: ChannelVersions
) -> tuple[Checkpoint, ChannelVersions]:
    """What PostgreSQL's checkpointer is to `put`, so that no text stays outside of what is encrypted.

    It writes texts and numbers into the checkpoint's own JSON, past the serializer, and other values each by itself,
    through it. With a cipher texts take that way too, but for the session's id, which the table has anyway; the
    numbers (phase, round, seed) stay. Read back, a text is a text. Without a cipher nothing changes.

    All texts count as new, also those of a session that was begun without a key, and are written once each.
    """
    if not serializer.encrypts:
        return checkpoint, new_versions
    values = checkpoint["channel_values"]
    texts = {
        name: _Apart(value)
        for name, value in values.items()
        if isinstance(value, str) and name != SESSION_ID
    }
    versions = {name: checkpoint["channel_versions"][name] for name in texts}
    kept = cast(Checkpoint, {**checkpoint, "channel_values": {**values, **texts}})
    return kept, {**new_versions, **versions}


def _damaged(what: str) -> DamagedSessionError:
    return DamagedSessionError(
        f"The session cannot be read: {what}.",
        hint="Restore the database from a copy; reports already written are whole.",
    )
