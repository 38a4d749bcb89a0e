"""One bus, an adapter for each member, their databases: in a folder of its own, on free ports and unix sockets."""
import http.client
import json
import os
import pathlib
import shutil
import socket
import subprocess

import yaml

from . import registry
from .people import Country, copy
from .pki import TOP, Pki
from .postgres import Postgres
from .process import Process

BUILD = pathlib.Path(os.environ.get("WASL_BUILD", TOP / "build"))
MI, MAS, MEN = "TN/GOV/MI", "TN/GOV/MAS", "TN/GOV/MEN"


def tool(name, *arguments, check=True, input=None, build=None):
    """Runs wasl or wasl-audit; text in, text out."""
    folder = {"wasl": "tools/wasl/wasl", "wasl-audit": "tools/wasl-audit/wasl-audit"}[name]
    return subprocess.run([str((build or BUILD) / folder), *map(str, arguments)], check=check, input=input, text=True,
                          capture_output=True)


class UnixHTTP(http.client.HTTPConnection):
    def __init__(self, path, timeout=30):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Answer:
    def __init__(self, response):
        self.status, self.body = response.status, response.read()
        self.headers = {k.lower(): v for k, v in response.getheaders()}

    @property
    def refusal(self):
        return self.headers.get("wasl-refusal")

    @property
    def exchange(self):
        return self.headers.get("wasl-exchange")

    def json(self):
        return json.loads(self.body)


class Bus:
    def __init__(self, sandbox, registry_file, **limits):
        self.folder = sandbox.folder / "bus"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.state, self.socket = self.folder / "state", self.folder / "audit.sock"
        self.registry_file, self.crls = self.folder / "registry.signed", self.folder / "crls"
        shutil.copy(registry_file, self.registry_file)
        self.crls.mkdir(exist_ok=True)
        sandbox.copy_crls(self.crls)
        self.descriptions = self.folder / "descriptions"
        self.descriptions.mkdir(exist_ok=True)
        for system in registry.SYSTEMS.iterdir():
            if document := registry.described(system.name):
                shutil.copy(document, self.descriptions / f"{system.name}.yaml")
        self.config = {
            "instance": "TN", "listen": "tcp://127.0.0.1:*", "state": str(self.state),
            "link_key": str(sandbox.pki.folder / "bus/link.key"), "ledger_key": str(sandbox.pki.folder / "bus/ledger.key"),
            "registry": str(self.registry_file), "crls": str(self.crls), "audit_socket": str(self.socket),
            "descriptions": str(self.descriptions),
            "authority": {"threshold": 1, "keys": [sandbox.pki.text("authority/registry.vkey")]},
        }
        if limits:
            self.config["limits"] = limits
        self.public = bytes.fromhex(sandbox.pki.text("bus/link.pub"))
        self.process = Process("wasl-bus", [sandbox.build / "bus/broker/wasl-bus", "--config", self.folder / "bus.yaml"],
                               self.folder / "bus.log", sandbox.env)
        self.endpoint = None

    def start(self, ready=True):
        if self.endpoint:  # adapters know this port already
            self.config["listen"] = self.endpoint
        (self.folder / "bus.yaml").write_text(yaml.safe_dump(self.config))
        self.process.start(self.state / "endpoint" if ready else None)
        if ready:
            self.endpoint = (self.state / "endpoint").read_text().strip()
        return self

    def get(self, path):
        connection = UnixHTTP(self.socket)
        connection.request("GET", path)
        response = connection.getresponse()
        data = response.read()
        connection.close()
        return response.status, data


class Adapter:
    def __init__(self, sandbox, member, subsystems, services=(), state=None, **more):
        self.sandbox, self.member = sandbox, member
        self.folder = sandbox.folder / member.replace("/", "-")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.state, self.socket = self.folder / "state", self.folder / "front.sock"
        keys = sandbox.pki.member(member)
        self.config = {
            "instance": "TN", "member": member, "state": str(self.state),
            "bus": {"endpoint": None, "public_key": sandbox.pki.text("bus/link.pub")},
            "keys": {"signing": str(keys / "signing.key.pem"), "chain": str(keys / "chain.pem"),
                     "sealing": [str(keys / "sealing.key")], "link": str(keys / "link.key"),
                     "subject": str(keys / "subject.keys")},
            "authority": {"threshold": 1, "keys": [sandbox.pki.text("authority/registry.vkey")]},
            "listeners": [{"unix": str(self.socket), "mode": "0660", "subsystems": list(subsystems)},
                          {"address": "127.0.0.1:0", "subsystems": list(subsystems)}],
            "services": list(services),
            **more,
        }
        self.process = Process(f"wasl-adapter {member}",
                               [sandbox.build / "adapters/daemon/wasl-adapter", "--config", self.folder / "adapter.yaml"],
                               self.folder / "adapter.log", sandbox.env)
        self.address = None

    def start(self, bus, linked=True):
        """bus: a Bus, or an endpoint."""
        self.config["bus"]["endpoint"] = getattr(bus, "endpoint", bus)
        (self.folder / "adapter.yaml").write_text(yaml.safe_dump(self.config, allow_unicode=True))
        self.process.start(self.state / "listeners")
        self.address = [a for a in (self.state / "listeners").read_text().split() if a.startswith("127.")][0]
        if linked:
            self.wait_linked()
        return self

    def wait_linked(self, timeout=30):
        self.process.wait_for(lambda: self.status().get("linked"), timeout)

    def status(self):
        return self.http("GET", "/wasl/status").json()

    def http(self, method, path, headers=None, body=None, timeout=30):
        connection = UnixHTTP(self.socket, timeout)
        try:
            connection.request(method, path, body, headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def ask(self, client, service, path="", purpose=None, subject=None, method="GET", body=None, headers=None, timeout=30):
        """A request as an information system makes it."""
        head = {"X-Road-Client": client, **(headers or {})}
        if purpose:
            head["Wasl-Purpose"] = purpose
        if subject:
            head["Wasl-Subject"] = subject
        return self.http(method, f"/r1/{service}{path}", head, body, timeout)


class Sandbox:
    """with Sandbox(folder) as s: everything that it started has ended afterwards, also after a failure."""

    def __init__(self, folder, build=None, members=(MI, MAS, MEN), pki_options=(), env=None):
        self.folder, self.build = pathlib.Path(folder), pathlib.Path(build or BUILD)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.env = {**os.environ, **env} if env else None
        self.pki = Pki(self.folder / "pki", members, pki_options)
        self.registry = registry.first_exchange(self.pki) if set(members) >= {MI, MAS, MEN} else None
        self.registry_file = self.folder / "registry.signed"
        self.bus, self.adapters, self.postgres, self.country = None, {}, None, None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def copy_crls(self, folder):
        for name in ("root", "issuing"):
            shutil.copy(self.pki.folder / f"ca/{name}.crl.pem", folder)

    def sign_registry(self, previous=None):
        """Dumps and signs self.registry over registry_file; returns its path."""
        source = self.folder / "registry.yaml"
        registry.write(source, self.registry)
        command = ["registry", "sign", "--key", self.pki.folder / "authority/registry.key", "--output", self.registry_file]
        if previous:
            command += ["--previous", previous]
        result = tool("wasl", *command, source, check=False, build=self.build)
        if result.returncode:
            raise RuntimeError(f"wasl registry sign: {result.returncode}\n{result.stdout}{result.stderr}")
        return self.registry_file

    def publish(self, change):
        """Changes the registry while the bus runs: next version, signed over the last, handed to the bus."""
        before = self.folder / "registry.before"
        shutil.copy(self.registry_file, before)
        change(self.registry)
        self.registry["version"] += 1
        self.sign_registry(previous=before)
        shutil.copy(self.registry_file, self.bus.registry_file)
        self.bus.process.popen.send_signal(1)

    def start_databases(self, households=1300):
        self.postgres = Postgres(self.folder / "postgres")
        self.country = Country(households)
        schema = registry.SYSTEMS / "civil-status/schema.sql"
        self.postgres.create("civil", schema.read_text(encoding="utf-8") + copy("person", self.country.civil_rows()))
        schema = registry.SYSTEMS / "social-aid/schema.sql"
        self.postgres.create("social", schema.read_text(encoding="utf-8") + copy("household", self.country.social_rows()))

    def services(self, name, **databases):
        """Services of adapters/systems/NAME/adapter.yaml with their connections filled in, each under the role that the
        system's schema makes for its adapter."""
        text = (registry.SYSTEMS / name / "adapter.yaml").read_text(encoding="utf-8")
        for key, database in databases.items():
            text = text.replace(f"@{key.upper()}@", self.postgres.conninfo(database, f"wasl_{database}"))
        return yaml.safe_load(text)

    def start_bus(self, **limits):
        if not self.registry_file.exists():
            self.sign_registry()
        self.bus = Bus(self, self.registry_file, **limits).start()
        return self.bus

    def add_adapter(self, member, subsystems, services=(), **more):
        self.adapters[member] = adapter = Adapter(self, member, subsystems, services, **more)
        return adapter

    def start_first_exchange(self, households=1300):
        """The whole of the first exchange, running."""
        self.start_databases(households)
        self.start_bus()
        self.add_adapter(MI, ["civil"], self.services("civil-status", civil="civil"))
        self.add_adapter(MAS, ["social"], self.services("social-aid", social="social"))
        self.add_adapter(MEN, ["enrolment"])
        for adapter in self.adapters.values():
            adapter.start(self.bus, linked=False)
        for adapter in self.adapters.values():
            adapter.wait_linked()
        return self

    def audit(self, *arguments, check=True, input=None):
        """wasl-audit on the bus's socket."""
        return tool("wasl-audit", arguments[0], "--socket", self.bus.socket, *arguments[1:], check=check, input=input,
                    build=self.build)

    def stop(self):
        for adapter in self.adapters.values():
            adapter.process.stop()
        if self.bus:
            self.bus.process.stop()
        if self.postgres:
            self.postgres.stop()
