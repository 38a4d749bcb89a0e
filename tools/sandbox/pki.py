"""Keys of a sandbox, made by certs/make-pki (certs/README.md has the layout)."""
import pathlib
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]


class Pki:
    def __init__(self, folder, members, options=()):
        self.folder = pathlib.Path(folder)
        if not self.folder.exists():
            self.run(*options, self.folder, *members)

    @staticmethod
    def run(*arguments):
        subprocess.run([str(TOP / "certs/make-pki"), *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)

    def member(self, member):
        return self.folder / "members" / member.replace("/", "-")

    def tls(self, name, *options):
        """(certificate, key) for one end of TLS, made at the first call."""
        certificate = self.folder / f"tls/{name}.crt.pem"
        if not certificate.exists():
            self.run(self.folder, "tls", name, *options)
        return certificate, self.folder / f"tls/{name}.key.pem"

    def text(self, path):
        return (self.folder / path).read_text().strip()
