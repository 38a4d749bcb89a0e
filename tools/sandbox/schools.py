"""Schools for the demonstration: the Ministry of Education's published list where it lies beside the project, generated
ones otherwise (the list is under the Open Database License and is not part of the project)."""
import json
import random

from .people import GOVERNORATES
from .pki import TOP

LIST = TOP.parent / "shared/data/schools-official.json"


def schools():
    """(names, where they are from)"""
    if LIST.exists():
        data = json.loads(LIST.read_text(encoding="utf-8"))
        items = data if isinstance(data, list) else next(v for v in data.values() if isinstance(v, list))
        names = [n for n in (_name(i) for i in items) if n]
        if names:
            return names, f"{len(names)} schools of the Ministry of Education's published list"
    rng = random.Random(1881)
    places = ["Tunis", "Ariana", "Bizerte", "Nabeul", "Béja", "Jendouba", "Le Kef", "Siliana", "Kairouan", "Kasserine",
              "Sousse", "Monastir", "Mahdia", "Sfax", "Gafsa", "Tozeur", "Kébili", "Gabès", "Médenine", "Tataouine"]
    names = [f"École primaire {rng.randrange(1, 40)}, {rng.choice(places)} (TN-{rng.choice(GOVERNORATES)})" for _ in range(500)]
    return names, "500 generated schools (the published list is not beside the project)"


def _name(item):
    properties = item.get("properties", item) if isinstance(item, dict) else {}
    for key in ("name", "name_fr", "nom_fr", "name_ar", "nom", "nom_ar", "etablissement"):
        if properties.get(key):
            return str(properties[key])
    return None
