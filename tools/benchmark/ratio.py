"""The stable figures: what Wasl does in units of what the machine, or a rival, does in the same minute."""
from fnmatch import fnmatchcase

from . import noise

# name: (above, below, words). `above` and `below` are labels; a ratio whose sides were not measured is left out.
RATIOS = {
    "exchange/sign": ("bus.exchange_rate[in_flight=64]", "limit.sign_rate", "exchanges in the time of a P-256 signature on one core"),
    "exchange/verify": ("bus.exchange_rate[in_flight=64]", "limit.verify_rate", "exchanges in the time of checking a P-256 signature on one core"),
    "exchange/fdatasync": ("bus.exchange_rate[in_flight=64]", "limit.fdatasync_rate", "exchanges in the time of one fdatasync"),
    "exchange/zmq_curve": ("bus.exchange_rate[in_flight=64]", "limit.zmq_curve_rate", "exchanges for each that bare libzmq moves"),
    "exchange/nats": ("bus.exchange_rate[in_flight=64]", "peer.nats_js_tls_rate", "exchanges for each of NATS"),
    "lone/fdatasync": ("bus.latency_p50[in_flight=1]", "limit.fdatasync_p50", "a lone exchange lasts as long as so many fdatasyncs"),
    "front/bus": ("front.exchange_rate[in_flight=64]", "bus.exchange_rate[in_flight=64]", "HTTP to PostgreSQL and back for each bare exchange"),
    "verify/core": ("verify.entry_rate", "limit.verify_rate", "entries verified on all cores for each signature on one core"),
}


def needed(only):
    """The names that the ratios chosen by these globs are made of."""
    return [side.split("[")[0] for name, (above, below, _) in RATIOS.items() for side in (above, below)
            if any(fnmatchcase(f"ratio.{name}", glob) for glob in only)]


def of(samples, broken=()):
    """(record without its value settled, values of the rounds) for each ratio whose sides are there."""
    for name, (above, below, words) in RATIOS.items():
        sides = [[(t, r["value"]) for t, r in samples.get(s, ())] for s in (above, below)]
        if not all(sides) or any(s.split("[")[0] in broken for s in (above, below)):
            continue
        values = [v for _, v in noise.ratios(*sides)]
        yield {"name": f"ratio.{name}", "value": None, "unit": "1", "of": above, "against": below, "words": words}, values
