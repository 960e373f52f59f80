"""Memory and processor time of processes, from the kernel's own tables (Linux, proc(5))."""

import os
from pathlib import Path

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_RESIDENT_PAGES = 1  # fields of /proc/PID/statm
_USER_TICKS, _SYSTEM_TICKS = 11, 12  # fields of /proc/PID/stat after the command's closing bracket


def resident_bytes(pid: int) -> int:
    """Resident memory; pages shared between processes count in each. 0 if the process is gone."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(fields[_RESIDENT_PAGES]) * _PAGE_BYTES


def processor_seconds(pid: int) -> float:
    """User and system time since the process started. 0 if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(fields[_USER_TICKS]) + int(fields[_SYSTEM_TICKS])) / _TICKS_PER_SECOND
