"""A grant for names and birth date never yields the filiation tree, whatever the provider returns."""
import json

import pytest

from fresh import fresh_sandbox
from helpers import CLIENT, MEN, MI, PERSON

SECRET = "09876543210"
TREE = {"iuc": "01234567890", "birth_date": "2015-01-02", "filiation": {"father": SECRET, "mother": SECRET},
        "names": {"ar": {"given": "x", "family": "y", "father": SECRET}}, "extra": [SECRET]}

# What the provider's database answers instead of what its service describes.
STATEMENTS = {
    "the whole tree": f"SELECT * FROM json_to_record('{json.dumps(TREE)}') AS t(iuc text, birth_date text, filiation json, names json, extra json)",
    "the tree under a permitted name": f"SELECT '{SECRET}' AS father, '2015-01-02' AS birth_date",
    "an array": f"SELECT '{SECRET}' AS father UNION ALL SELECT '{SECRET}'",
    "an error that names it": f"SELECT '{SECRET}'::int/0 AS birth_date",
    "an error message with data": f"SELECT ('x{SECRET}')::int AS birth_date",
    "a tree in a permitted field's place": f"SELECT json_build_object('father', '{SECRET}') AS filiation",
}


@pytest.fixture(scope="module")
def minimal():
    with fresh_sandbox() as s:
        operations = s.registry["members"][0]["subsystems"][0]["services"][0]["operations"]
        operations += [{"code": f"case-{i}", "method": "GET", "path": "/case-%d/{iuc:IUC}" % i} for i in range(len(STATEMENTS))]
        del s.registry["grants"][0]["operations"]
        s.start_databases(20)
        s.start_bus()
        services = s.services("civil-status", civil="civil")
        for i, (name, text) in enumerate(STATEMENTS.items()):
            services[0]["sql"]["statements"].append({"operation": f"case-{i}", "text": text + " -- $1",
                                                     "one": name != "an array", "parameters": []})
        s.add_adapter(MI, ["civil"], services).start(s.bus)
        s.add_adapter(MEN, ["enrolment"]).start(s.bus)
        yield s


@pytest.mark.parametrize("case", range(len(STATEMENTS)), ids=list(STATEMENTS))
def test_a_grant_for_names_and_birth_date_never_yields_the_filiation_tree(minimal, case):
    answer = minimal.adapters[MEN].ask(CLIENT, PERSON, f"/case-{case}/01234567890", "SCHOOL-ENROLMENT", "IUC:01234567890")
    everything = answer.body + repr(sorted(answer.headers.items())).encode()
    assert SECRET.encode() not in everything
    assert b"filiation" not in everything and b"father" not in everything
    if case == 0:  # a control: what is permitted of the same answer does come
        assert answer.json() == {"iuc": "01234567890", "birth_date": "2015-01-02",
                                 "names": {"ar": {"given": "x", "family": "y"}}}
