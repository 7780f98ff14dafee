"""A certificate authority of a site's own, and what it signs, by openssl."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from . import debian, host

CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
DAY = 86400
# Unlike `openssl x509`, all releases of `openssl ca` can sign for a time that is over.
SETTINGS = """\
[ca]
default_ca = lab
[lab]
database = {folder}/index.txt
new_certs_dir = {folder}
certificate = {folder}/ca.pem
private_key = {folder}/ca.key
default_md = sha256
policy = names
rand_serial = yes
unique_subject = no
copy_extensions = copy
[names]
commonName = supplied
"""


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, both PEM files."""

    cert: Path
    key: Path


class Authority:
    """An authority that nobody trusts yet; its files are in a folder of its own."""

    def __init__(self, folder: Path, name: str = "lab"):
        host.require("openssl")
        self._folder = folder / f"authority-{name}"
        self._folder.mkdir()
        self._settings = self._folder / "openssl.cnf"
        self._settings.write_text(SETTINGS.format(folder=self._folder))
        (self._folder / "index.txt").touch()
        self.path = self._folder / "ca.pem"
        request = ["-subj", f"/CN={name} authority", "-days", "2"]
        self._openssl(
            *("req", "-x509", *CURVE, *request, "-keyout", str(self._folder / "ca.key")),
            *("-out", str(self.path)),
        )
        #: The certificate that a client has to trust, in PEM.
        self.text = self.path.read_text()

    def sign(self, *names: str, expired: bool = False) -> Certificate:
        """Return a new certificate for DNS names, which is good on 127.0.0.1 too.

        expired
            It was good until yesterday.
        """
        stem = f"{names[0]}{'-expired' if expired else ''}"
        made = Certificate(self._folder / f"{stem}.pem", self._folder / f"{stem}.key")
        request = made.cert.with_suffix(".csr")
        alternative = ",".join([*(f"DNS:{name}" for name in names), "IP:127.0.0.1"])
        self._openssl(
            *("req", "-new", *CURVE, "-subj", f"/CN={names[0]}", "-addext", f"subjectAltName={alternative}"),
            *("-keyout", str(made.key), "-out", str(request)),
        )
        end = time.time() + (-DAY if expired else DAY)
        validity = ["-startdate", _date(end - 3 * DAY), "-enddate", _date(end)]
        self._openssl(
            *("ca", "-batch", "-notext", "-config", str(self._settings), *validity),
            *("-in", str(request), "-out", str(made.cert)),
        )
        return made

    @staticmethod
    def _openssl(*words: str) -> None:
        debian.run(["openssl", *words])


def _date(seconds: float) -> str:
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(seconds))
