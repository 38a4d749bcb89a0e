"""What the machine can do at most: `wasl-bench limits`, the yardsticks of the ratios."""
from .measure import Measurement, record


class Limits(Measurement):
    names = ("limit.fdatasync_rate", "limit.fdatasync_p50", "limit.sign_rate", "limit.verify_rate", "limit.hash_rate", "limit.zmq_curve_rate")

    def round(self):
        seconds = max(0.1, self.settings.seconds / 3)
        for r in self.bench.objects(self.bench.program("wasl-bench"), "limits", "--seconds", f"{seconds:.2f}",
                                    "--state", self.bench.state, timeout=60 + 10 * seconds):
            yield record(r.pop("name"), r.pop("value"), r.pop("unit"), r.pop("at", None), **r)


def measurements(bench):
    return [Limits(bench)]
