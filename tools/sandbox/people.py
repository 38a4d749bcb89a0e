"""Synthetic people, always the same ones: nobody real. Identifiers have the right form and no published check rule is
pretended (the citizen identifier's check digits are not public)."""
import datetime
import random
from dataclasses import dataclass, field

MALE = [("محمد", "Mohamed"), ("أحمد", "Ahmed"), ("علي", "Ali"), ("يوسف", "Youssef"), ("أمين", "Amine"), ("كريم", "Karim"),
        ("حمزة", "Hamza"), ("ياسين", "Yassine"), ("صالح", "Salah"), ("نبيل", "Nabil"), ("رشيد", "Rachid"), ("فتحي", "Fethi"),
        ("الهادي", "Hédi"), ("سامي", "Sami"), ("وليد", "Walid"), ("طارق", "Tarek"), ("بلال", "Bilel"), ("أنيس", "Anis")]
FEMALE = [("فاطمة", "Fatma"), ("مريم", "Mariem"), ("عائشة", "Aïcha"), ("سلمى", "Selma"), ("نور", "Nour"), ("آمنة", "Emna"),
          ("هدى", "Houda"), ("ليلى", "Leïla"), ("سارة", "Sarra"), ("إيمان", "Imen"), ("رانية", "Rania"), ("حنان", "Hanène"),
          ("زينب", "Zeineb"), ("خديجة", "Khadija"), ("ألفة", "Olfa"), ("سعاد", "Souad"), ("منى", "Mouna"), ("نجلاء", "Najla")]
FAMILY = [("بن علي", "Ben Ali"), ("الطرابلسي", "Trabelsi"), ("الجلاصي", "Jlassi"), ("العياري", "Ayari"), ("الهمامي", "Hammami"),
          ("بوعزيزي", "Bouazizi"), ("الشابي", "Chebbi"), ("المزوغي", "Mzoughi"), ("السعيدي", "Saïdi"), ("القاسمي", "Gasmi"),
          ("الدريدي", "Dridi"), ("بن يوسف", "Ben Youssef"), ("الغربي", "Gharbi"), ("المناعي", "Mannai"), ("الزواري", "Zouari"),
          ("بالحاج", "Belhaj"), ("الخليفي", "Khelifi"), ("الورغي", "Ouerghi"), ("العبيدي", "Abidi"), ("الرياحي", "Riahi")]
# ISO 3166-2:TN; the national code_geo is another system with the same digits, so a code never stands alone.
GOVERNORATES = ["11", "12", "13", "14", "21", "22", "23", "31", "32", "33", "34", "41", "42", "43", "51", "52", "53",
                "61", "71", "72", "73", "81", "82", "83"]


@dataclass
class Person:
    iuc: str
    cin: str
    sex: str
    given: tuple
    family: tuple
    born: datetime.date
    died: object
    governorate: str
    father: object = None
    mother: object = None
    children: list = field(default_factory=list)


@dataclass
class Household:
    social: str
    head: Person
    status: str
    valid_until: datetime.date
    score: int
    disability: bool


class Country:
    """households couples with 0 to 5 children each: about 3.8 people a household."""

    def __init__(self, households=1300, seed=20041963):
        rng = random.Random(seed)
        self.rng, self.people, self.households, self._used = rng, [], [], set()
        for _ in range(households):
            family, place = rng.choice(FAMILY), rng.choice(GOVERNORATES)
            father = self._person("M", family, rng.randrange(1955, 1998), place)
            mother = self._person("F", rng.choice(FAMILY), father.born.year + rng.randrange(-2, 9), place)
            for _ in range(rng.choice([0, 1, 2, 2, 3, 3, 4, 5])):
                year = min(2025, mother.born.year + rng.randrange(19, 38))
                child = self._person(rng.choice("MF"), family, year, place)
                child.father, child.mother = father, mother
                father.children.append(child)
                mother.children.append(child)
            if rng.random() < 0.4:
                status = rng.choices(["active", "suspended", "expired"], [8, 1, 1])[0]
                until = datetime.date(2027, rng.randrange(1, 13), 28) if status != "expired" else datetime.date(2025, 6, 30)
                self.households.append(Household(self._digits(10), rng.choice([father, mother]), status, until,
                                                 rng.randrange(20, 95), rng.random() < 0.1))
        self.by_iuc = {p.iuc: p for p in self.people}

    def _digits(self, n, lead=""):
        while True:
            digits = lead + "".join(self.rng.choice("0123456789") for _ in range(n - len(lead)))
            if digits not in self._used:
                self._used.add(digits)
                return digits

    def _person(self, sex, family, year, place):
        rng = self.rng
        born = datetime.date(year, rng.randrange(1, 13), rng.randrange(1, 29))
        died = datetime.date(2024, rng.randrange(1, 13), 15) if year < 1965 and rng.random() < 0.2 else None
        adult = year <= 2008
        person = Person(self._digits(11, "0"), self._digits(8) if adult else "", sex,
                        rng.choice(MALE if sex == "M" else FEMALE), family, born, died, place)
        self.people.append(person)
        return person

    def unknown_iuc(self):
        """A well-formed identifier that nobody has."""
        return self._digits(11, "9")

    # --- COPY rows for psql ---

    def civil_rows(self):
        for p in self.people:
            yield [p.iuc, p.cin, p.sex, p.given[0], p.family[0], p.given[1], p.family[1], p.born.isoformat(),
                   p.died.isoformat() if p.died else None, "TN-" + p.governorate,
                   p.father.iuc if p.father else None, p.mother.iuc if p.mother else None]

    def social_rows(self):
        for h in self.households:
            yield [h.social, h.head.iuc, h.status, h.valid_until.isoformat(), str(h.score), "t" if h.disability else "f"]


def copy(table, rows):
    """A COPY ... FROM stdin block."""
    def cell(v):
        return "\\N" if v is None else v.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
    return f"COPY {table} FROM stdin;\n" + "".join("\t".join(map(cell, r)) + "\n" for r in rows) + "\\.\n"
