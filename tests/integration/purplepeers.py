# SPDX-License-Identifier: GPL-2.0-or-later
"""Networks for the libpurple backend on 127.0.0.1: Prosody as one that people have accounts on, with rooms and, if wanted,
with TLS."""

import subprocess

from hosts import Prosody

ROOMS = """
Component "rooms.localhost" "muc"
  name = "Rooms"
  restrict_room_creation = false
  muc_room_locking = false
  muc_room_default_public = true
  modules_enabled = { "vcard_muc" }
"""

AUTHORITY = """\
[ca]
default_ca = authority
[authority]
database = index
serial = serial
new_certs_dir = .
default_md = sha256
policy = policy
[policy]
commonName = supplied
"""


def signed(directory, name, subject_names, begin, end):
    """Makes NAME.crt and NAME.key, signed by the authority ca.crt, which is made, too. Times as YYYYMMDDHHMMSSZ."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    (directory / "index").touch()
    (directory / "serial").write_text("01\n")
    (directory / "ca.cnf").write_text(AUTHORITY)
    (directory / "names").write_text(f"subjectAltName={subject_names}\n")
    for words in (["req", "-x509", *key, "-days", "30", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.crt"],
                  ["req", *key, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr"],
                  ["ca", "-batch", "-config", "ca.cnf", "-cert", "ca.crt", "-keyfile", "ca.key", "-in", f"{name}.csr", "-out",
                   f"{name}.crt", "-extfile", "names", "-startdate", begin, "-enddate", end, "-notext"]):
        subprocess.run(["openssl", *words], cwd=directory, check=True, capture_output=True)


class XmppNetwork(Prosody):
    """`names`: of its certificate, without which it has no TLS; `begin` and `end`: from when to when that holds."""

    def __init__(self, directory, names=None, begin=None, end=None):
        super().__init__(directory, tls=names is not None)
        if names:
            signed(self.directory, "localhost", names, begin or "20200101000000Z", end or "20490101000000Z")

    def _configure(self):
        path = super()._configure()
        text = path.read_text() + ROOMS
        path.write_text(text.replace('"roster",', '"roster", "tls",') if self.tls else text)
        return path

    def trusted(self, directory):
        """A directory of authorities with the one of this server."""
        (directory / "authority.pem").write_bytes((self.directory / "ca.crt").read_bytes())
        return directory
