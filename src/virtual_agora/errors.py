"""Every error a caller of Virtual Agora can meet.

    VirtualAgoraError
    ├── UsageError                    the call, the configuration or the environment is wrong
    │   ├── ConfigurationError        a configuration file, or a value in it
    │   ├── MissingKeyError           no API key for a provider in use
    │   ├── MissingExtraError         what a provider or the database needs is not installed
    │   ├── SessionNotFoundError      no session of that name
    │   └── SessionLockedError        another process is running the session
    ├── InvalidAnswerError            an answer that does not fit its question
    ├── StaleAnswerError              an answer to a question that is no longer asked
    ├── StorageError                  the disk or the database refuses
    │   ├── NewerSessionError         the session was saved by a later release
    │   ├── SessionTakenOverError     another process goes on with the session
    │   ├── EncryptedSessionError     the session is encrypted, and its key is not here
    │   └── DamagedSessionError       what is saved is nothing that a session writes
    ├── StateError                    a session's state contradicts itself
    ├── NodeExecutionError            a step of the protocol failed; carries the step and the cause
    └── ProviderError                 a model could not be asked
        ├── TransientProviderError    worth another attempt as it stands
        ├── MalformedAnswerError      answered, but not in the form asked for
        ├── PermanentProviderError    no attempt will succeed: this agent is out for the turn
        └── ProviderAccessError       key or quota refused: only the user can help

Each has one sentence saying what is wrong, and a `hint` saying what to do. Control flow that is no error,
the pause for a human, is `virtual_agora.flow.interrupts.GraphInterrupt`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import ClassVar

__all__ = [
    "ConfigurationError",
    "DamagedSessionError",
    "EncryptedSessionError",
    "Exit",
    "InvalidAnswerError",
    "MalformedAnswerError",
    "MissingExtraError",
    "MissingKeyError",
    "NewerSessionError",
    "NodeExecutionError",
    "PermanentProviderError",
    "ProviderAccessError",
    "ProviderError",
    "SessionLockedError",
    "SessionNotFoundError",
    "SessionTakenOverError",
    "StaleAnswerError",
    "StateError",
    "StorageError",
    "TransientProviderError",
    "UsageError",
    "VirtualAgoraError",
]


class Exit(IntEnum):
    """How the command line ends."""

    DONE = 0
    USAGE = 2
    """Bad usage or configuration; nothing was begun."""
    WAITING = 3
    """The session waits for a human, or the budget of a study is used up; the command to go on is printed."""
    FAILED = 4
    """Everything up to the failure is saved."""
    INTERRUPTED = 130
    """By Ctrl-C, SIGTERM or a terminal that went away; everything is saved."""


class VirtualAgoraError(Exception):
    """Base of every error here.

    `message` is one sentence on what is wrong, `hint` one on what to do next, and `exit_code` what the
    command line ends with.
    """

    exit_code: ClassVar[Exit] = Exit.FAILED

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class UsageError(VirtualAgoraError):
    """The call, the configuration or the environment is wrong; nothing was started."""

    exit_code = Exit.USAGE


class ConfigurationError(UsageError):
    """A configuration file cannot be read, or a value in it is wrong."""


class MissingKeyError(UsageError):
    """A provider in use has no API key in the environment or `.env`."""


class MissingExtraError(UsageError):
    """A package that a provider, or the database, needs is not installed."""


class SessionNotFoundError(UsageError):
    """No session has this name."""


class SessionLockedError(UsageError):
    """Another process is running this session."""


class InvalidAnswerError(VirtualAgoraError):
    """An answer does not fit the question it is given to."""

    exit_code = Exit.USAGE


class StaleAnswerError(VirtualAgoraError):
    """An answer names a question that is not, or no longer, waiting."""

    exit_code = Exit.USAGE


class StorageError(VirtualAgoraError):
    """A file or the database cannot be read or written."""


class NewerSessionError(StorageError):
    """The session was saved by a later release of Virtual Agora."""


class SessionTakenOverError(StorageError):
    """Another process goes on with the session, because this one gave no sign of life."""


class EncryptedSessionError(StorageError):
    """The session is encrypted, and its key is missing, or the one that is there is another."""


class DamagedSessionError(StorageError):
    """What is saved of the session is nothing that a session writes."""


class StateError(VirtualAgoraError):
    """A session's state contradicts itself."""


class NodeExecutionError(VirtualAgoraError):
    """The step `node` failed because of `cause`, which is not the fault of a provider.

    `told` makes of the cause's own words what may be shown.
    """

    def __init__(
        self, node: str, cause: BaseException, *, told: Callable[[str], str] = str
    ) -> None:
        said, hint = told(f"{type(cause).__name__}: {cause}"), ""
        if isinstance(cause, VirtualAgoraError):
            said, hint = cause.message, cause.hint
        super().__init__(
            f"The step “{node}” failed: {said}",
            hint=hint or "Everything up to this step is saved; resume goes on from here.",
        )
        self.node = node
        self.cause = cause


class ProviderError(VirtualAgoraError):
    """A model could not be asked. `provider` and `model` say which."""

    def __init__(
        self, message: str, *, hint: str = "", provider: str = "", model: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.provider = provider
        self.model = model


class TransientProviderError(ProviderError):
    """Timeout, rate limit, server error, broken or truncated stream.

    `retry_after` is the wait the provider asked for, in seconds, if it named one.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        hint: str = "",
        provider: str = "",
        model: str = "",
    ) -> None:
        super().__init__(message, hint=hint, provider=provider, model=model)
        self.retry_after = retry_after


class MalformedAnswerError(ProviderError):
    """The model answered, but not in the form asked for. `answer` is what it said."""

    def __init__(
        self, message: str, *, answer: str, hint: str = "", provider: str = "", model: str = ""
    ) -> None:
        super().__init__(message, hint=hint, provider=provider, model=model)
        self.answer = answer


class PermanentProviderError(ProviderError):
    """The request was refused for good: unknown model, bad request, refusal, exhausted attempts."""


class ProviderAccessError(ProviderError):
    """The key was rejected or the quota is used up."""
