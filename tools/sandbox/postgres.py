"""A PostgreSQL of one's own: temporary folder, unix socket only, ended by pid."""
import glob
import os
import pathlib
import pwd
import shutil
import signal
import subprocess

BIN = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1:] or [""]

# What PostgreSQL's own log must not show: statements, parameters and DETAIL lines carry people's data.
QUIET = """
listen_addresses = ''
log_min_error_statement = panic
log_error_verbosity = terse
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_statement = none
log_min_duration_statement = -1
max_connections = 100
shared_buffers = 32MB
"""


class Postgres:
    """fast: no fsync, for data that the run makes itself and throws away."""

    def __init__(self, folder, fast=True):
        self.folder = pathlib.Path(folder)
        self.data, self.log = self.folder / "data", self.folder / "postgresql.log"
        self.port = 5432
        self.folder.mkdir(parents=True, exist_ok=True)
        self.user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0:  # initdb refuses root
            shutil.chown(self.folder, "postgres")
            for parent in self.folder.absolute().parents:  # it must reach its folder
                if not os.stat(parent).st_mode & 0o001:
                    os.chmod(parent, os.stat(parent).st_mode | 0o011)
        self._run("initdb", "-D", str(self.data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale",
                  *(["--no-sync"] if fast else []))
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as conf:
            conf.write(QUIET + f"unix_socket_directories = '{self.folder}'\n" + ("fsync = off\n" if fast else ""))
        self.start()

    def _as_owner(self):
        return ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []

    def _run(self, program, *arguments):
        subprocess.run([*self._as_owner(), f"{BIN[0]}/{program}", *arguments], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.PIPE, cwd="/")

    def start(self):
        self._run("pg_ctl", "-D", str(self.data), "-l", str(self.log), "-w", "-t", "60", "start")

    @property
    def pid(self):
        return int((self.data / "postmaster.pid").read_text().split("\n")[0])

    def stop(self):
        try:
            self._run("pg_ctl", "-D", str(self.data), "-m", "immediate", "-w", "stop")
        except subprocess.CalledProcessError:
            try:
                os.kill(self.pid, signal.SIGQUIT)
            except (FileNotFoundError, ProcessLookupError):
                pass

    def conninfo(self, database, user="postgres"):
        return f"host={self.folder} port={self.port} user={user} dbname={database}"

    def psql(self, database, sql, *, tuples=False):
        """Runs SQL given as text on standard input; returns its output."""
        return subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *(["-At"] if tuples else []),
                               self.conninfo(database)], input=sql, text=True, check=True, capture_output=True).stdout

    def create(self, database, sql=""):
        self.psql("postgres", f'CREATE DATABASE "{database}"')
        if sql:
            self.psql(database, sql)
