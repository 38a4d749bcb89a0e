"""A ministry joins: its own keys, a certificate, an entry in the registry, an adapter over its own database, an exchange. With
the real tools only, in the order of README.md, `Connect a ministry`."""
import stat

import yaml

from helpers import CLIENT, child_of, entries_of
from sandbox.cluster import MEN, tool
from sandbox.pki import Pki

MS = "TN/GOV/MS"
VACCINATION = f"{MS}/health/vaccination"

SUBSYSTEM = """
code: health
name: {ar: الصحة, fr: Santé, en: Health}
services:
- code: vaccination
  kind: request
  name: {ar: تلقيح, fr: Vaccination, en: Vaccination}
  subject: IUC
  retention: P1Y
  fields: [/*/vaccine, /*/on, /*/doctor, /vaccine, /on]
  operations:
  - {code: list, method: GET, path: "/children/{iuc:IUC}/vaccinations"}
  - {code: record, method: POST, path: "/children/{iuc:IUC}/vaccinations"}
"""
PURPOSE = """
code: SCHOOL-HEALTH
name: {ar: الصحة المدرسية, fr: Santé scolaire, en: School health}
legal_basis: loi-91-63
"""
GRANT = f"""
consumer: {CLIENT}
service: {VACCINATION}
purpose: SCHOOL-HEALTH
fields: [/*/vaccine, /*/on, /vaccine, /on]
expires: 2034-06-30T00:00:00Z
"""
SERVICES = """
- service: TN/GOV/MS/health/vaccination
  connector: sql
  sql:
    connection: "@HEALTH@"
    statements:
    - operation: list
      parameters: [iuc]
      text: SELECT vaccine, given AS on, doctor FROM vaccination WHERE iuc = $1 ORDER BY given
    - operation: record
      one: true
      writes: true
      parameters: [iuc, body./vaccine, body./on, exchange.id]
      text: INSERT INTO vaccination (iuc, vaccine, given, exchange_id) VALUES ($1, $2, $3, $4) RETURNING vaccine, given AS on
"""
SCHEMA = """
CREATE TABLE vaccination (iuc text NOT NULL, vaccine text NOT NULL, given date NOT NULL, doctor text, exchange_id text UNIQUE);
INSERT INTO vaccination VALUES ('%s', 'BCG', '2020-02-01', 'Dr Secret'), ('%s', 'ROR', '2021-03-01', 'Dr Secret');
"""


def call(s, iuc, path, *more, body=""):
    """wasl call as a person uses it: who is asked about comes on standard input."""
    return tool("wasl", "call", "--adapter", f"unix:{s.adapters[MEN].socket}", "--client", CLIENT, "--service", VACCINATION,
                "--subject-stdin", "--path-stdin", *more, input=f"IUC:{iuc}\n{path}\n{body}", check=False, build=s.build)


def exchange_of(result):
    return next(line.split()[-1] for line in result.stderr.splitlines() if "exchange:" in line)


def test_a_ministry_joins_and_is_asked(sandbox):
    s = sandbox()
    s.start_databases(20)
    iuc = child_of(s.country).iuc
    s.postgres.create("health", SCHEMA % (iuc, iuc))
    s.start_bus()
    s.add_adapter(MEN, ["enrolment"]).start(s.bus)

    # At the ministry: keys that never leave it, a request and a fragment that do.
    home = s.folder / "ministry-of-health"
    made = tool("wasl", "member", "init", "--name-ar", "وزارة الصحة", "--name-fr", "Ministère de la Santé", "--name-en",
                "Ministry of Health", MS, home, build=s.build)
    assert stat.S_IMODE((home / "signing.key.pem").stat().st_mode) == 0o600
    before = tool("wasl", "keys", home, check=False, build=s.build)
    assert before.returncode == 0 and "signing.key.pem has no certificate here yet" in before.stdout

    # At the certification authority.
    Pki.run(s.pki.folder, "sign-request", MS, home / "request.csr", home / "chain.pem")
    certified = tool("wasl", "keys", home, check=False, build=s.build)
    assert certified.returncode == 0 and "signing.key.pem fits a certificate of this folder" in certified.stdout

    # Until the authority has signed it in, the bus knows nobody of that name.
    unknown = call(s, iuc, f"/children/{iuc}/vaccinations")
    assert unknown.returncode == 1 and "unknown_member" in unknown.stderr + unknown.stdout, unknown.stderr

    def join(registry):
        registry["members"].append({**yaml.safe_load(made.stdout)[0], "subsystems": [yaml.safe_load(SUBSYSTEM)]})
        registry["purposes"].append(yaml.safe_load(PURPOSE))
        registry["grants"].append(yaml.safe_load(GRANT.replace("2034-06-30T00:00:00Z", "'2034-06-30T00:00:00Z'")))
    s.publish(join)
    vkey = s.pki.folder / "authority/registry.vkey"
    checked = tool("wasl", "registry", "check", "--authority", vkey, s.registry_file, check=False, build=s.build)
    assert checked.returncode == 0 and "signed by the authority that was named" in checked.stdout, checked.stderr
    explained = tool("wasl", "registry", "explain", "-c", CLIENT, "-s", VACCINATION, "-o", "list", s.registry_file, check=False,
                     build=s.build)
    assert explained.returncode == 0 and "SCHOOL-HEALTH" in explained.stdout

    # At the ministry again: its adapter over its own database.
    services = yaml.safe_load(SERVICES.replace("@HEALTH@", s.postgres.conninfo("health")))
    keys = {"signing": str(home / "signing.key.pem"), "chain": str(home / "chain.pem"), "link": str(home / "link.key"),
            "sealing": [str(home / "sealing.key")]}
    s.add_adapter(MS, ["health"], services, keys=keys).start(s.bus)
    status = tool("wasl", "status", "--bus", s.bus.socket, "--adapter", f"unix:{s.adapters[MS].socket}", check=False,
                  build=s.build)
    assert status.returncode == 0 and MS in status.stdout, status.stdout

    answer = call(s, iuc, f"/children/{iuc}/vaccinations", "--purpose", "SCHOOL-HEALTH")
    assert answer.returncode == 0, answer.stderr
    assert yaml.safe_load(answer.stdout) == [{"vaccine": "BCG", "on": "2020-02-01"}, {"vaccine": "ROR", "on": "2021-03-01"}]
    exchange = exchange_of(answer)
    assert [e["outcome"] for e in entries_of(s, exchange)] == ["admitted", "answered"]

    written = call(s, iuc, f"/children/{iuc}/vaccinations", "--body", "-", body='{"vaccine": "HepB", "on": "2026-01-02"}')
    assert written.returncode == 0 and yaml.safe_load(written.stdout) == {"vaccine": "HepB", "on": "2026-01-02"}, written.stderr
    assert s.postgres.psql("health", "SELECT count(*) FROM vaccination", tuples=True).strip() == "3"

    # What the auditor sees of the new member, judged by the registry that admitted it.
    shown = s.audit("show", "--key", s.pki.folder / "bus/ledger.vkey", exchange).stdout
    assert f"CN={MS}" in shown and "NOT GOOD" not in shown
    verified = s.audit("verify", "--registry", s.registry_file, "--authority", vkey, "--no-state", check=False)
    assert verified.returncode == 0 and "judged by the registry" in verified.stdout, verified.stdout + verified.stderr


def test_a_member_without_a_certificate_of_its_own_key_does_not_start(sandbox):
    s = sandbox()
    s.start_bus()
    home = s.folder / "ministry-of-health"
    tool("wasl", "member", "init", MS, home, build=s.build)
    keys = {"signing": str(home / "signing.key.pem"), "chain": str(s.pki.member(MEN) / "chain.pem"),
            "link": str(home / "link.key"), "sealing": [str(home / "sealing.key")]}
    adapter = s.add_adapter(MS, ["health"], keys=keys)
    adapter.config["bus"]["endpoint"] = s.bus.endpoint
    (adapter.folder / "adapter.yaml").write_text(yaml.safe_dump(adapter.config))
    adapter.process.start()
    assert adapter.process.wait(30) == 2
    assert "signing.key.pem is not the key of its certificate" in adapter.process.text()
