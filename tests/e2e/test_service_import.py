"""`wasl service import`: what an OpenAPI document becomes in the registry, and what is said of the rest."""
import copy
import hashlib
import json
import pathlib
import time

import pytest
import yaml

from sandbox import registry
from sandbox.cluster import tool
from sandbox.pki import Pki

SPECS = pathlib.Path(__file__).resolve().parents[3] / "shared/specs"
GOOD, REFUSED, PARTIAL = 0, 1, 4


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    return registry.first_exchange(Pki(tmp_path_factory.mktemp("import") / "pki", ["TN/GOV/MI", "TN/GOV/MAS", "TN/GOV/MEN"]))


class Imported:
    def __init__(self, result):
        self.code, self.said, self.text = result.returncode, result.stderr, result.stdout
        self.service = yaml.safe_load(result.stdout)[0] if result.stdout else None

    @property
    def operations(self):
        return {o["code"]: (o["method"], o["path"]) for o in self.service["operations"]}

    def line(self, words):
        """The line of the file at which something with these words was said."""
        found = [text for text in self.said.splitlines() if words in text]
        assert len(found) == 1, self.said
        return int(found[0].split(":")[1])


def run(path, *options):
    return Imported(tool("wasl", "service", "import", *options, path, check=False))


def imported(tmp_path, text, *options):
    path = tmp_path / "openapi"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return run(path, *options)


def described(paths="", more="", version="3.0.3"):
    return f'openapi: "{version}"\ninfo: {{title: "A service", version: "1"}}\npaths:\n{paths}{more}'


def answering(schema, path="/a"):
    """A document with one operation that answers with this schema."""
    return described() + f"""  {path}:
    get:
      operationId: a
      responses: {{"200": {{description: d, content: {{application/json: {{schema: {schema}}}}}}}}}
"""


def assert_registered(document, service, tmp_path):
    """wasl registry check takes the fragment as it was printed."""
    changed = copy.deepcopy(document)
    changed["members"][0]["subsystems"][0]["services"].append(service)
    registry.write(tmp_path / "registry.yaml", changed)
    result = tool("wasl", "registry", "check", tmp_path / "registry.yaml", check=False)
    assert result.returncode == 0, result.stderr


# --- whole documents ---

@pytest.mark.parametrize("system", ["civil-status", "social-aid"])
def test_the_systems_descriptions_become_what_their_fragments_say(document, tmp_path, system):
    result = run(registry.described(system))
    wanted = registry.subsystem(system)["services"][0]
    assert result.code == GOOD and result.said == ""
    assert result.service["fields"] == wanted["fields"] and result.service["subject"] == wanted["subject"]
    assert result.operations == {o["code"]: (o["method"], o["path"]) for o in wanted["operations"]}
    assert result.service["description"] == wanted["description"]
    assert_registered(document, result.service, tmp_path)


def spec(name):
    if not (SPECS / name).exists():
        pytest.skip(f"NOT RUN: {SPECS / name} is not there, so the import of a real description was not tried")
    return SPECS / name


def test_oneroster_is_taken_over_whole(document, tmp_path):
    result = run(spec("oneroster-edfi.yml"), "--code", "roster", "--retention", "P1Y")
    assert result.code == GOOD, result.said
    assert result.service["code"] == "roster" and result.service["retention"] == "P1Y"
    paths = yaml.safe_load((SPECS / "oneroster-edfi.yml").read_text())["paths"]
    assert sorted(p for _, p in result.operations.values()) == sorted(paths)  # 24, their parameters named as they are here
    assert "/classes/*/sourcedId" in result.service["fields"] and "/class/title" in result.service["fields"]
    assert "/orgs/*/metadata: an object that is not described further" in result.said
    assert_registered(document, result.service, tmp_path)


def test_open311_is_taken_over_but_for_what_is_said(document, tmp_path):
    result = run(spec("open311-swagger.json"))
    assert result.code == PARTIAL
    assert sorted(set(result.operations.values())) == [
        ("GET", "/request/*.*"), ("GET", "/requests.*"), ("GET", "/services.*"), ("GET", "/services/*.*"),
        ("GET", "/tokens/*.*"), ("POST", "/requests.*")]
    assert "/*/service_request_id" in result.service["fields"] and "/attributes/*/values/*/key" in result.service["fields"]
    assert result.said.count("answers as text/xml too") == 6
    assert result.line("paths./tokens/{token_id}.{response_format}.get: \"{token_id}") == 658
    assert_registered(document, result.service, tmp_path)


def test_the_description_is_the_hash_of_the_very_file(tmp_path):
    text = answering("{type: object, properties: {a: {type: string}}}").encode()
    assert imported(tmp_path, text).service["description"] == hashlib.sha256(text).hexdigest()


# --- operations ---

def test_parameters_get_types_where_name_format_or_pattern_says_so(document, tmp_path):
    def one(name, schema):
        return f"""  /{name}/{{{name}}}:
    get:
      parameters: [{{name: {name}, in: path, required: true, schema: {schema}}}]
      responses: {{}}
"""
    result = imported(tmp_path, described(
        one("citizenIuc", "{type: string}") + one("cin", "{type: string}") + one("person", "{type: string, format: social}") +
        one("body", "{type: string, format: tax}") + one("who", r'{type: string, pattern: "^\\d{11}$"}') +
        one("iuc", '{type: string, pattern: "^[0-9]{8}$"}') + one("sourcedId", "{type: string}") + one("iucundity", "{}")))
    assert [path for _, path in result.operations.values()] == [
        "/citizenIuc/{citizen_iuc:IUC}", "/cin/{cin:CIN}", "/person/{person:SOCIAL}", "/body/{body:TAX}", "/who/{who:IUC}",
        "/iuc/{iuc}", "/sourcedId/{sourced_id}", "/iucundity/{iucundity}"]
    assert result.code == PARTIAL and "{iuc} is a IUC by its name or format and a CIN by its pattern" in result.said
    assert "{who} is taken for a IUC by its pattern alone" in result.said
    assert "subject" not in result.service
    assert_registered(document, result.service, tmp_path)


def test_parameters_are_found_by_reference_and_at_the_path(tmp_path):
    result = imported(tmp_path, described("""  /a/{x}/{y}:
    parameters: [{$ref: "#/components/parameters/x"}, {name: y, in: path, schema: {$ref: "#/components/schemas/~0~1%20Y"}}]
    get: {responses: {}}
""", """components:
  parameters: {x: {name: x, in: path, schema: {type: string, format: cin}}}
  schemas: {"~/ Y": {type: string, format: iuc}}
"""))
    assert result.code == GOOD and list(result.operations.values()) == [("GET", "/a/{x:CIN}/{y:IUC}")]


def test_codes_come_from_operation_ids_and_stay_apart(document, tmp_path):
    result = imported(tmp_path, described("""  /a: {get: {operationId: "find it (all)", responses: {}}}
  /b: {get: {operationId: find-it-all, responses: {}}, post: {responses: {}}}
  /c/{id}: {get: {operationId: "الكل", responses: {}}, delete: {responses: {}}}
"""))
    assert list(result.operations) == ["find-it-all", "find-it-all-2", "post-b", "get-c-id", "delete-c-id"]
    assert result.code == GOOD and 'operationId "find it (all)" is no code: it became find-it-all' in result.said
    assert [o["safe"] for o in result.service["operations"]] == [True, True, False, True, False]
    assert_registered(document, result.service, tmp_path)


def test_what_the_registry_cannot_say_is_said_and_left_out(document, tmp_path):
    text = described("""  /users/{id}: {get: {operationId: one, responses: {}}}
  /users/me: {get: {operationId: me, responses: {}}}
  /a b: {get: {responses: {}}}
  /slash/: {get: {responses: {}}}
  /things:search(*): {get: {operationId: search, responses: {}}, query: {responses: {}}}
  /hook: {post: {operationId: hook, callbacks: {x: {}}, responses: {}}, servers: [{url: "http://b"}]}
""", "webhooks: {}\n", version="3.1.0")
    result = imported(tmp_path, text)
    assert result.code == PARTIAL
    assert result.operations == {"one": ("GET", "/users/{id}"), "search": ("GET", "/things:search(\\*)"), "hook": ("POST", "/hook")}
    assert result.line("paths./users/me.get: left out: some path would be this and one (/users/{id}) too") == 5
    for words in ("paths./a b.get: left out", "paths./slash/.get: left out", '"query" is no method', "callbacks are not exchanged",
                  "a server of its own", "webhooks are not exchanged"):
        assert words in result.said, words
    assert_registered(document, result.service, tmp_path)


def test_a_document_without_operations_makes_no_fragment(tmp_path):
    result = imported(tmp_path, described("  /a b: {get: {responses: {}}}\n"))
    assert result.code == REFUSED and result.text == "" and "nothing here could be an operation" in result.said


# --- fields ---

def test_schemas_become_pointers(document, tmp_path):
    text = {"type": "string"}
    schema = {"allOf": [{"$ref": "#/components/schemas/Base"}, {"type": "object", "properties": {
        "tags": {"type": "array", "items": text},
        "children": {"type": "array", "items": {"properties": {"name": text, "a/b~c": {"type": ["string", "null"]}}}},
        "pair": {"type": "array", "prefixItems": [{"properties": {"left": {}}}, {"properties": {"right": {}}}]},
        "either": {"oneOf": [{"type": "null"}, {"properties": {"x": {}}}], "anyOf": [{"properties": {"y": {}}}]},
        "map": {"type": "object", "additionalProperties": text},
        "free": {"type": "object"}}}]}
    result = imported(tmp_path, answering(json.dumps(schema)) +
                      "components: {schemas: {Base: {properties: {id: {type: string}, tags: {type: array, items: {}}}}}}\n")
    assert result.service["fields"] == ["/id", "/tags/*", "/children/*/name", "/children/*/a~1b~0c", "/pair/*/left", "/pair/*/right",
                                        "/either/x", "/either/y", "/map", "/free"]
    assert result.code == GOOD
    assert "/map: its keys are data" in result.said and "/free: an object that is not described further" in result.said
    assert_registered(document, result.service, tmp_path)


def test_a_schema_that_contains_itself_ends(document, tmp_path):
    result = imported(tmp_path, answering('{$ref: "#/components/schemas/P"}') + """components:
  schemas:
    P: {type: object, properties: {name: {type: string}, children: {type: array, items: {$ref: "#/components/schemas/P"}}}}
""")
    assert result.code == GOOD and result.service["fields"] == ["/name", "/children/*"]
    assert "/children/*: the schema contains itself" in result.said
    assert_registered(document, result.service, tmp_path)


@pytest.mark.parametrize("schema, words", [
    ('{$ref: "other.yaml#/A"}', "leads to nothing in this document (other.yaml#/A)"),
    ('{$ref: "#/components/schemas/Nothing"}', "leads to nothing"),
    ('{$ref: "#/components/schemas/Ring"}', "leads from one to the next without end"),
    ("{type: string}", "only a grant with whole: true"),
    ('{properties: {"*": {}, "": {}, a: {}}}', "a field cannot be named so"),
    ("{properties: {" + ", ".join(f"f{i}: {{}}" for i in range(1100)) + "}}", "at most 1024 fields"),
])
def test_fields_that_cannot_be_named_are_said(document, tmp_path, schema, words):
    result = imported(tmp_path, answering(schema) + 'components: {schemas: {Ring: {$ref: "#/components/schemas/Ring"}}}\n')
    assert result.code == PARTIAL and words in result.said, result.said
    assert_registered(document, result.service, tmp_path)


def test_one_media_type_is_taken_and_the_others_are_said(document, tmp_path):
    result = imported(tmp_path, described("""  /a:
    post:
      requestBody: {content: {text/csv: {}}}
      responses:
        "200": {content: {application/xml: {schema: {}}, application/hal+json; charset=utf-8: {schema: {properties: {a: {}}}}}}
        "404": {content: {application/json: {schema: {properties: {never: {}}}}}}
"""))
    assert result.service["media_type"] == "application/hal+json" and result.service["fields"] == ["/a"]
    assert result.code == PARTIAL and "answers as application/xml too" in result.said and "takes bodies of text/csv" in result.said
    assert_registered(document, result.service, tmp_path)


def test_json_with_escapes_is_read(document, tmp_path):
    text = json.dumps({"openapi": "3.0.0", "info": {"title": "\U0001f600 \"x\" \\ \u202e\n\x1b[31m الأمان"},
                       "paths": {"/a": {"get": {"operationId": "a", "responses": {"200": {"content": {"application/json": {
                           "schema": {"properties": {"\\ud83d\\ude00": {}, "\U0001f600": {}}}}}}}}}}}, indent="\t")
    result = imported(tmp_path, text.replace("/json", "\\/json"))
    assert result.code == GOOD, result.said
    assert result.service["fields"] == ["/\\ud83d\\ude00", "/\U0001f600"]
    assert result.service["name"]["ar"].startswith("\U0001f600 \"x\" \\") and "\x1b" not in result.text and "\u202e" not in result.text
    assert_registered(document, result.service, tmp_path)


# --- hostile ones ---

def bomb():
    """Ten references in each of nine schemas: a thousand million fields."""
    schemas = "".join(f"    S{i}: {{properties: {{" + ", ".join(f'p{k}: {{$ref: "#/components/schemas/S{i + 1}"}}' for k in range(10))
                      + "}}\n" for i in range(9))
    return answering('{$ref: "#/components/schemas/S0"}') + f"components:\n  schemas:\n{schemas}    S9: {{type: string}}\n"


def wide_bomb():
    """The same without a field on the way: nothing would fill the list."""
    schemas = "".join(f"    S{i}: {{allOf: [" + ", ".join([f'{{$ref: "#/components/schemas/S{i + 1}"}}'] * 10) + "]}\n" for i in range(9))
    return answering('{$ref: "#/components/schemas/S0"}') + f"components:\n  schemas:\n{schemas}    S9: {{properties: {{a: {{}}}}}}\n"


@pytest.mark.parametrize("make", [bomb, wide_bomb])
def test_schemas_that_unfold_into_millions_are_cut_short(document, tmp_path, make):
    begun = time.monotonic()
    result = imported(tmp_path, make())
    assert time.monotonic() - begun < 30  # not hours
    assert result.code == PARTIAL and "unfold into more than" in result.said
    assert_registered(document, result.service, tmp_path)


@pytest.mark.parametrize("text, words", [
    ("", "the file is empty"),
    ("openapi: [", "neither YAML nor JSON"),
    ("openapi: 4.0.0\n", "it says 4.0.0"),
    ("swagger: \"1.2\"\n", "it says 1.2"),
    ("title: a\n", "it does not say which"),
    ("- openapi: 3.0.0\n", "it does not say which"),
    ("openapi: 3.0.0\n---\nopenapi: 3.0.0\n", "a second document"),
    ("openapi: 3.0.0\nx: &a [1]\ny: *a\n", "an anchor"),
    ("openapi: 3.0.0\nx: &a {}\n", "an anchor"),
    ("openapi: 3.0.0\nx: &a 1\n", "an anchor"),
    ("openapi: 3.0.0\nx: *a\n", "an alias"),
    ("openapi: 3.0.0\nx: {a: 1, b: 2, a: 3}\n", "a second time"),
    ("openapi: 3.0.0\nx: {? [1] : 2}\n", "a key that is not a text"),
    ("openapi: 3.0.0\nx: \"a\\0b\"\n", "NUL"),
    ("openapi: 3.0.0\nx: " + "[" * 70 + "]" * 70, "deeper than 64"),
    (b"openapi: 3.0.0\nx: \xff\n", "neither YAML nor JSON"),
    ("openapi: 3.0.0\nx: " + "a" * (1 << 20), "larger than the 1048576 bytes"),
    ("openapi: 3.0.0\na: &a [x]\n" + "".join(f"a{i}: &a{i} [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n" for i in range(30)), "an anchor"),
], ids=lambda value: value if len(value) < 30 else "text")
def test_a_document_that_cannot_be_read_safely_is_refused(tmp_path, text, words):
    result = imported(tmp_path, text)
    assert result.code == REFUSED and result.text == "" and words in result.said, result.said


def test_a_remark_stays_on_its_line_whatever_the_document_holds(tmp_path):
    result = imported(tmp_path, described('  "/a\\n\\e[31mforged:1: fault": {get: {responses: {}}}\n  /a: {get: {responses: {}}}\n'))
    assert result.code == PARTIAL and "\x1b" not in result.said and len(result.said.splitlines()) == 2, result.said


def test_usage_is_told_from_missing_files(tmp_path):
    assert tool("wasl", "service", "import", check=False).returncode == 2
    assert tool("wasl", "service", "import", "--code", "a/b", "x", check=False).returncode == 2
    assert tool("wasl", "service", "import", tmp_path / "nothing", check=False).returncode == 6
    assert tool("wasl", "service", "--help", check=False).returncode == 0
