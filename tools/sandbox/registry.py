"""A sandbox's registry, from the fragments in adapters/systems and the keys of a Pki."""
import hashlib
import pathlib

import yaml

from .pki import TOP

SYSTEMS = TOP / "adapters/systems"
NAMES = {
    "TN/GOV/MI": ("وزارة الداخلية", "Ministère de l'Intérieur", "Ministry of the Interior"),
    "TN/GOV/MAS": ("وزارة الشؤون الاجتماعية", "Ministère des Affaires sociales", "Ministry of Social Affairs"),
    "TN/GOV/MEN": ("وزارة التربية", "Ministère de l'Éducation", "Ministry of Education"),
}
VALID = {"not_before": "2020-01-01T00:00:00Z", "not_after": "2035-01-01T00:00:00Z"}


def fragment(name):
    return yaml.safe_load((SYSTEMS / name).read_text(encoding="utf-8"))


def described(system):
    """The document that describes a system's service, or None."""
    path = SYSTEMS / system / "openapi.yaml"
    return path if path.exists() else None


def subsystem(system):
    """The fragment of a system, with the hash of its description."""
    out = fragment(f"{system}/service.yaml")
    if document := described(system):
        out["services"][0]["description"] = hashlib.sha256(document.read_bytes()).hexdigest()
    return out


def member(pki, member_id, subsystems, names=None):
    folder = pki.member(member_id)
    ar, fr, en = names or NAMES.get(member_id, (member_id,) * 3)
    return {
        "id": member_id, "name": {"ar": ar, "fr": fr, "en": en},
        "trust_anchor": "national-root", "certificate_subject": pki.text(folder / "subject.txt"),
        "link_keys": [pki.text(folder / "link.pub")],
        "sealing_keys": [{"key": pki.text(folder / "sealing.pub"), **VALID}],
        "witness_key": pki.text(folder / "witness.vkey"),
        "subsystems": subsystems,
    }


def document(pki, members, purposes, grants, version=1):
    """The registry as Python data; tests change it before they dump it."""
    return {
        "instance": "TN", "version": version, "valid_until": "2034-01-01T00:00:00Z",
        "authority": {"threshold": 1, "keys": [pki.text("authority/registry.vkey")]},
        "ledger": [{"key": pki.text("bus/ledger.vkey"), "from": 0}],
        "oversight": [{"key": pki.text("oversight/sealing.pub"), **VALID}],
        "trust_anchors": [{"name": "national-root", "certificate": pki.text("ca/root.crt.pem") + "\n"}],
        "members": members, "purposes": purposes, "grants": grants,
    }


def first_exchange(pki, version=1):
    """Education asks the Interior about a person and Social Affairs about an entitlement."""
    rules = fragment("school-enrolment/grants.yaml")
    return document(pki, [
        member(pki, "TN/GOV/MI", [subsystem("civil-status")]),
        member(pki, "TN/GOV/MAS", [subsystem("social-aid")]),
        member(pki, "TN/GOV/MEN", [subsystem("school-enrolment")]),
    ], rules["purposes"], rules["grants"], version)


class _Literal(str):
    pass


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data):  # a registry is read by people: every value is written out
        return True


_Dumper.add_representer(_Literal, lambda d, s: d.represent_scalar("tag:yaml.org,2002:str", str(s), style="|"))


def dump(registry):
    registry = {**registry, "trust_anchors": [{**a, "certificate": _Literal(a["certificate"])}
                                              for a in registry["trust_anchors"]]}
    return yaml.dump(registry, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=110)


def write(path, registry):
    pathlib.Path(path).write_text(dump(registry), encoding="utf-8")
