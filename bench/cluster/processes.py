"""The processes of a run: started, ended with it, and asked what CPU they took."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import lanes

# Clock ticks of /proc/PID/stat, in milliseconds.
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
READY_SECONDS_MAX = 60

started: list[subprocess.Popen] = []


def start(command: list, log: Path, **options) -> subprocess.Popen:
    """Starts a process that ends when this one does, however it does."""
    with log.open("ab") as errors:
        command = ["setpriv", "--pdeathsig", "TERM", "--", *map(str, command)]
        process = subprocess.Popen(command, stderr=errors, **options)
    started.append(process)
    return process


def stop(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    started.remove(process)


def stop_all() -> None:
    for process in reversed(started):
        process.terminate()
    for process in list(started):
        stop(process)


def until_answers(port: int, path: str, says: bytes) -> None:
    """Waits until a server answers a question with 200 and a text."""
    end = time.monotonic() + READY_SECONDS_MAX
    answer = None
    while time.monotonic() < end:
        try:
            answer = lanes.ask(port, lanes.request("GET", path))
            if answer[0] == 200 and says in answer[1]:
                return
        except OSError as error:
            answer = error
        time.sleep(0.05)
    raise TimeoutError(f"{path} on port {port} says {answer}")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def cpu_ms(databases: dict[str, str]) -> dict[str, float]:
    """The CPU that everything below our parent took so far, in milliseconds by kind; databases: whom each is for."""
    stats = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(") ")[2].split()
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            stats[int(folder.name)] = (int(fields[1]), (int(fields[11]) + int(fields[12])) * TICK_MS, line)
    total: dict[str, float] = {}
    for pid, (_, spent, line) in stats.items():
        if descends(pid, os.getppid(), stats):
            kind = "client" if pid == os.getpid() else kind_of(line, databases)
            total[kind] = total.get(kind, 0) + spent
    return total


def descends(pid: int, ancestor: int, stats: dict) -> bool:
    while pid in stats:
        if pid == ancestor:
            return True
        pid = stats[pid][0]
    return False


def kind_of(line: str, databases: dict[str, str]) -> str:
    if line.startswith("postgres: "):
        words = line.split()
        return "postgres for " + next((databases[word] for word in words if word in databases), "all")
    for text, kind in [
        ("--role api", "ours, api"), ("--role worker", "ours, worker"), ("--role all", "ours, all"),
        ("original/api.py", "original, api"), ("original/worker.py", "original, worker"), (" eager", "go, eager"),
        (" local", "go, local"), (" activity", "go, activity"), ("--config-file", "temporal"), ("redis-server", "redis"),
    ]:
        if text in line:
            return kind
    return "rest"
