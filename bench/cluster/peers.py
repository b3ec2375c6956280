"""What is measured. Each runs so many goals of so many steps, so many at a time, and says how long they took.

Each also says what it is in a line (is_), whose CPU is its own (kinds, of processes.cpu_ms), and on which queue it is.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import lanes
import processes

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OMNIHUB = ROOT / "target/release/omnihub"
TOOLS = Path.home() / ".cache/omnihub/tools/bench-cluster"


@dataclass
class Load:
    steps: int
    goals: int
    in_flight: int


@dataclass
class Took:
    seconds: float
    latencies_ms: list[float]


def step(number: int) -> dict:
    after = {"after": [f"s{number - 1}"]} if number else {}
    return {"id": f"s{number}", "tool": "respond_to_user", "input": {"message": "done"}} | after


def writing_step(number: int) -> dict:
    return step(number) | {"tool": "create_record", "input": {"table": "notes", "data": {"text": "done"}}}


# The table that goals write to.
TABLE = "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)"
SETTINGS = """
[databases.bench]
url = "sqlite:bench.db"
[databases.bench.tables.notes]
key = "id"
columns = ["id", "text"]
writable = ["text"]
insert = true
"""


class Ours:
    """An installation: its processes share a database, a queue, keys and a connected file of SQLite."""

    def __init__(self, folder: Path, database: str, servers: tuple[str, str], queue: str) -> None:
        temporal, redis = servers
        self.folder = folder / queue
        self.folder.mkdir()
        self.queue = queue
        self.is_ = "an api and one worker, which starts what the api takes (eager); steps that answer and run ahead of the commit (ADR 17)"
        self.kinds = {"ours, api", "ours, worker", "redis", "postgres for ours"}
        connected = sqlite3.connect(self.folder / "bench.db")
        connected.execute("PRAGMA journal_mode = WAL")
        connected.execute(TABLE)
        connected.close()
        (self.folder / "omnihub.toml").write_text(SETTINGS)
        self.environment = os.environ | {
            "DATABASE_URL": database,
            "OMNIHUB_ENGINE": "temporal",
            "TEMPORAL_HOST": temporal,
            "REDIS_URL": redis,
            "TEMPORAL_TASK_QUEUE": queue,
            "OMNIHUB_LIMITS__OPEN_GOALS_MAX": "1000000",
            "OMNIHUB_ENGINE__QUEUE_MAX": "1000000",
            "OMNIHUB_LOG__LEVEL": "warn",
        }
        self.port = 0
        self.headers = ""

    def serve(self, role: str, name: str | None = None, says: bytes = b'"ok"'):
        """Starts a process; the first makes the keys that the others need, and answers clients."""
        data = self.folder / (name or role)
        first = self.folder / "first"
        if not self.port:
            first.symlink_to(data)
        elif not data.exists():
            shutil.copytree(first / "keys", data / "keys")
        options = ["--config", self.folder / "omnihub.toml", "--data-dir", data]
        command = [OMNIHUB, *options, "serve", "--role", role, "--port", "0"]
        log = self.folder / f"{data.name}.log"
        process = processes.start(command, log, env=self.environment, stdout=subprocess.PIPE, text=True)
        line = process.stdout.readline()
        if "http://" not in line:
            raise RuntimeError(f"omnihub serve --role {role} says {line!r} {log.read_text()}")
        port = int(line.strip().rpartition(":")[2])
        processes.until_answers(port, "/health/ready", says)
        if not self.port:
            self.port = port
            self.headers = f"authorization: Bearer {self.token(data)}\r\n"
        return process

    def token(self, data: Path) -> str:
        mint = "token mint --subject bench --tenant default --role admin --ttl 12h".split()
        command = [OMNIHUB, "--data-dir", data, *mint]
        done = subprocess.run(command, env=self.environment, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def run(self, load: Load, step=step) -> Took:
        wait = self.headers + "prefer: wait=60\r\n"

        def show(answer: bytes) -> bytes:
            return lanes.request("GET", f"/api/v1/goals/{json.loads(answer)['workflowId']}", b"", wait)

        return closed(self.port, load, self.submit(load.steps, step), show)

    def accept(self, load: Load) -> Took:
        """Only says what is wanted, and does not wait for it."""
        return closed(self.port, load, self.submit(load.steps, step), None)

    def submit(self, steps: int, step) -> bytes:
        plan = {"steps": [step(number) for number in range(steps)]}
        body = json.dumps({"user_intent": "a benchmark", "plan": plan}).encode()
        return lanes.request("POST", "/api/v1/goals", body, self.headers)


class OneProcess(Ours):
    """An installation that is one process, which takes goals and drives them."""

    def __init__(self, folder: Path, database: str, servers: tuple[str, str], queue: str) -> None:
        super().__init__(folder, database, servers, queue)
        self.is_ = "the same in one process"
        self.kinds = {"ours, all", "redis", "postgres for one process"}
        self.serve("all")


class Writing:
    """An installation whose goals write: each step creates a row in the connected file, in commits of its own."""

    def __init__(self, ours: Ours) -> None:
        self.ours, self.queue, self.kinds = ours, ours.queue, ours.kinds
        self.is_ = "as ours, but each step is a create_record on a file of SQLite: begun and recorded in commits of its own"

    def run(self, load: Load) -> Took:
        return self.ours.run(load, writing_step)


class Original:
    """The peer of the original's shape."""

    def __init__(self, folder: Path, temporal: str, queue: str) -> None:
        self.queue = queue
        self.is_ = "NOT the original, a peer of its shape: FastAPI, a Python worker, an activity for each thing that is asked"
        self.kinds = {"original, api", "original, worker"}
        self.port = processes.free_port()
        python = TOOLS / "original/bin/python"
        for program, more in [("worker.py", []), ("api.py", [self.port])]:
            command = [python, HERE / "original" / program, temporal, queue, *more]
            processes.start(command, folder / f"original-{program}.log")
        processes.until_answers(self.port, "/openapi.json", b"openapi")

    def run(self, load: Load) -> Took:
        body = json.dumps({"user_intent": "a benchmark", "steps": [step(number) for number in range(load.steps)]})

        def show(answer: bytes) -> bytes:
            goal = json.loads(answer)
            return lanes.request("GET", f"/goals/{goal['id']}?run={goal['run']}")

        return closed(self.port, load, lanes.request("POST", "/goals", body.encode()), show)


class Go:
    """The peer on the Go SDK, which is its own client; mode: activity, local or eager."""

    IS = {
        "activity": "client and worker in one Go process, an activity for each step; five pollers, as all that is ours",
        "local": "the same, one local activity for all steps; tasks come by polling, as the SDK has it unless it is told otherwise",
        "eager": "the same, and Temporal hands it the first task of what it starts, as to ours; nothing is asked against it",
    }

    def __init__(self, folder: Path, temporal: str, queue: str, mode: str) -> None:
        self.queue = queue
        self.is_ = self.IS[mode]
        self.kinds = {f"go, {mode}"}
        command = [TOOLS / "peer", "goals", temporal, queue, mode]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = processes.start(command, folder / f"{queue}.log", **pipes)

    def run(self, load: Load) -> Took:
        self.process.stdin.write(f"{load.steps} {load.goals} {load.in_flight}\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return Took(answer["seconds"], answer["latencies_ms"])


def history(temporal: str, queue: str, begun: str, ended: str) -> dict:
    """The sizes of the histories of a queue that began in a time."""
    command = [TOOLS / "peer", "history", temporal, queue, begun, ended]
    return json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)


def closed(port: int, load: Load, submit: bytes, show) -> Took:
    """So many goals at a time, each followed by the next; without show nobody waits for their ends."""
    left = load.goals
    latencies = []

    def lane():
        nonlocal left
        while left > 0:
            left -= 1
            sent = time.perf_counter()
            status, answer = yield submit
            if status != 202:
                raise RuntimeError(f"{status} {answer[:500]}")
            if show:
                status, answer = yield show(answer)
                if status != 200 or b'"status":"completed"' not in answer.replace(b'": "', b'":"'):
                    raise RuntimeError(f"{status} {answer[:500]}")
            latencies.append((time.perf_counter() - sent) * 1e3)

    begun = time.perf_counter()
    lanes.drive(port, [lane() for _ in range(min(load.in_flight, load.goals))])
    return Took(time.perf_counter() - begun, latencies)
