"""What is asked of PostgreSQL beside the benchmark: further databases, and its own count of commits."""

import subprocess
from urllib.parse import urlsplit

# A session that is idle says what it has counted after 10 s at the latest.
COUNTED_SECONDS = 11


def sql(url: str, text: str) -> str:
    command = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", text, url]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def name(url: str) -> str:
    return urlsplit(url).path[1:]


def another(url: str, suffix: str) -> str:
    """Makes an empty database beside that of a URL; returns its URL."""
    other = f"{name(url)}_{suffix}"
    sql(url, f"CREATE DATABASE {other} TEMPLATE template0")
    return urlsplit(url)._replace(path=f"/{other}").geturl()


def counts(url: str) -> dict[str, int]:
    """Transactions by database, and the journal's records and bytes of all; its syncs are not said from version 18 on."""
    rows = sql(url, "SELECT datname, xact_commit FROM pg_stat_database WHERE datname IS NOT NULL")
    counted = {row.split("|")[0]: int(row.split("|")[1]) for row in rows.split()}
    wal = sql(url, "SELECT wal_records, wal_bytes FROM pg_stat_wal").strip().split("|")
    return counted | dict(zip(["wal records", "wal bytes"], map(int, wal)))
