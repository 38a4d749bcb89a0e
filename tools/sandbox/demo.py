"""tools/demo: the first exchange as a person would like to read it."""
import os
import pathlib
import shlex
import shutil
import signal
import sys
import tempfile
import textwrap

from .cluster import MAS, MEN, MI, Sandbox
from .schools import schools

CLIENT = f"{MEN}/enrolment"
PERSON, BENEFICIARY = f"{MI}/civil/person", f"{MAS}/social/beneficiary"
BOLD, DIM, GREEN, RED, PLAIN = (("\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m") if sys.stdout.isatty() else [""] * 5)


def say(text=""):
    print(text, flush=True)


def heading(text):
    say(f"\n{BOLD}{text}{PLAIN}")


def expired_grant(registry):
    """A census that ended: its grant is still in the registry, and over."""
    registry["purposes"].append({"code": "SCHOOL-CENSUS-2024", "legal_basis": "loi-1999-32", "name": {
        "ar": "إحصاء مدرسي 2024", "fr": "Recensement scolaire 2024", "en": "School census 2024"}})
    registry["grants"].append({"consumer": CLIENT, "service": PERSON, "purpose": "SCHOOL-CENSUS-2024",
                               "operations": ["identity"], "fields": ["/birth_date"], "expires": "2024-12-31T23:00:00Z"})


class Demo:
    def __init__(self, sandbox):
        self.sandbox, self.wrong = sandbox, 0
        self.education, self.first = None, None

    def show(self, question, expected, **ask):
        """Asks, prints, and counts an answer that is not the expected one (None: an answer, else a refusal's name)."""
        answer = self.education.ask(CLIENT, **ask)
        self.first = self.first or answer.exchange
        say(f"\n  {question}")
        if answer.refusal:
            body = answer.json()
            say(f"    {RED}refused{PLAIN}  {answer.refusal} ({body['type']})")
            say(textwrap.fill(body["message"], 100, initial_indent="             ", subsequent_indent="             "))
        else:
            say(f"    {GREEN}answer{PLAIN}   {answer.body.decode()}")
        say(f"    {DIM}exchange {answer.exchange}{PLAIN}")
        if answer.refusal != expected:
            self.wrong += 1
            say(f"    {RED}expected {expected or 'an answer'}{PLAIN}")
        return answer

    def run(self):
        s = self.sandbox
        expired_grant(s.registry)
        s.sign_registry()
        s.start_first_exchange()
        self.education = s.adapters[MEN]
        names, source = schools()
        say(f"Running: one bus, three adapters, PostgreSQL with {len(s.country.people)} synthetic people of the Ministry of the")
        say(f"Interior and {len(s.country.households)} households of the Ministry of Social Affairs; {source}.")

        parent = next(p for p in s.country.people if len(p.children) > 1 and not p.died)
        child = max(parent.children, key=lambda c: c.born)
        household = next(h for h in s.country.households if h.status == "active")
        heading(f"A family enrols a child at: {names[len(names) // 3]}")
        self.show("Who is this child?  (Education -> Interior, for school enrolment: names and birth date only)", None,
                  service=PERSON, path=f"/persons/{child.iuc}", purpose="SCHOOL-ENROLMENT", subject=f"IUC:{child.iuc}")
        self.show("Is this person the child's guardian?  (yes or no, never the family tree)", None, service=PERSON,
                  path=f"/persons/{parent.iuc}/guardian-of/{child.iuc}", purpose="SCHOOL-ENROLMENT",
                  subject=f"IUC:{parent.iuc}")
        self.show("Is the household entitled to school aid?  (Education -> Social Affairs: status and validity, never the score)",
                  None, service=BENEFICIARY, path=f"/beneficiaries/{household.social}", purpose="SCHOOL-AID",
                  subject=f"SOCIAL:{household.social}")

        heading("What is refused")
        self.show("The same question for statistics: there is no grant for that purpose", "wrong_purpose", service=PERSON,
                  path=f"/persons/{child.iuc}", purpose="STATISTICS", subject=f"IUC:{child.iuc}")
        self.show("For the census of 2024, whose grant has ended", "grant_expired", service=PERSON,
                  path=f"/persons/{child.iuc}", purpose="SCHOOL-CENSUS-2024", subject=f"IUC:{child.iuc}")
        nobody = s.country.unknown_iuc()
        self.show("About a person whom the register does not know", "unknown_subject", service=PERSON,
                  path=f"/persons/{nobody}", purpose="SCHOOL-ENROLMENT", subject=f"IUC:{nobody}")
        short = child.iuc[1:]
        self.show("With an identifier of 10 digits: a leading zero was lost on the way", "subject_length", service=PERSON,
                  path=f"/persons/{short}", purpose="SCHOOL-ENROLMENT", subject=f"IUC:{short}")

        heading("What the auditor sees: who, what, why, when and with what outcome. No names, no identifiers.")
        say(textwrap.indent(s.audit("log").stdout.rstrip(), "  "))
        heading("And the proof that the log is whole")
        trail = s.folder / "auditor-state"
        verify = s.audit("verify", "--key", s.pki.folder / "bus/ledger.vkey", "--state", trail, check=False)
        say(textwrap.indent((verify.stdout + verify.stderr).rstrip(), "  "))
        if verify.returncode:
            self.wrong += 1
        return self.wrong


def try_it(s, exchange):
    q = shlex.quote
    child = max((p for p in s.country.people if p.father), key=lambda p: p.born)
    bus, front = str(s.bus.socket), str(s.adapters[MEN].socket)
    audit, wasl = q(str(s.build / "tools/wasl-audit/wasl-audit")), q(str(s.build / "tools/wasl/wasl"))
    vkey, state = q(str(s.pki.folder / "bus/ledger.vkey")), q(str(s.folder / "auditor-state"))
    heading("It goes on running. Try:")
    for line in (
        f"curl --unix-socket {q(front)} -H 'X-Road-Client: {CLIENT}' -H 'Wasl-Purpose: SCHOOL-ENROLMENT' \\\n"
        f"      -H 'Wasl-Subject: IUC:{child.iuc}' http://localhost/r1/{PERSON}/persons/{child.iuc}",
        # Real identifiers never belong on a command line, which everybody on a machine can read: wasl reads them.
        f"printf 'IUC:%s\\n/persons/%s\\n' {child.iuc} {child.iuc} | {wasl} call --adapter unix:{q(front)} \\\n"
        f"      --client {CLIENT} --service {PERSON} --purpose SCHOOL-ENROLMENT --subject-stdin --path-stdin",
        f"{audit} log --socket {q(bus)} -f",
        f"{audit} show --socket {q(bus)} --key {vkey} {exchange}",
        f"{audit} verify --socket {q(bus)} --key {vkey} --state {state}",
        f"{wasl} status --bus {q(bus)} --adapter unix:{q(front)}",
        f"{wasl} registry show {q(str(s.registry_file))}",
        f"psql {q(s.postgres.conninfo('civil'))} -c 'SELECT iuc, given_ar, family_ar, born FROM person LIMIT 5'",
    ):
        say(f"\n  {line}")
    say(f"\n{BOLD}Stop it and remove its folder:{PLAIN}  kill {os.getpid()}")


def main():
    keep = "--keep" in sys.argv[1:]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="wasl-demo-"))
    folder.chmod(0o711)
    stop = {}

    def end(*_):
        raise KeyboardInterrupt
    signal.signal(signal.SIGTERM, end)
    try:
        with Sandbox(folder) as s:
            demo = Demo(s)
            wrong = demo.run()
            if keep:
                try_it(s, demo.first)
                while True:
                    signal.pause()
            stop["wrong"] = wrong
    except KeyboardInterrupt:
        say("stopped")
        stop["wrong"] = 0
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    say(f"\n{GREEN if not stop['wrong'] else RED}"
        + ("Everything came out as it should." if not stop["wrong"] else f"{stop['wrong']} things did not come out as they should.")
        + PLAIN)
    return 1 if stop["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
