# SPDX-License-Identifier: GPL-2.0-or-later
"""XMPP servers as a foreign network: Prosody and ejabberd with TLS, archive, rooms and stream management, each with a
domain of its own and without the gateway as a component; jabberd2 as a plain old one. People connect to them as to other
hosts. `Proxy` stands in between and cuts or holds the connection."""

import asyncio
import itertools
import pathlib
import socket
import subprocess
import urllib.parse
import xml.etree.ElementTree as ElementTree

from hosts import Ejabberd, Prosody
from listener import Listener
from processes import LIMIT, Process, answers, free_port, wait_for


def certificate(directory, domain, name="good", first=None, last=None):
    """A self-signed certificate NAME.crt with NAME.key for the domain and what is below it. `first` and `last`:
    YYMMDDHHMMSSZ."""
    directory = pathlib.Path(directory)
    key, request, path = (directory / f"{name}{end}" for end in (".key", ".csr", ".crt"))
    settings = directory / f"{name}.cnf"
    (directory / f"{name}.index").touch()
    settings.write_text(f"""\
[ca]
default_ca = here
[here]
database = {directory}/{name}.index
new_certs_dir = {directory}
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = names
default_days = 30
[any]
commonName = supplied
[names]
subjectAltName = DNS:{domain},DNS:*.{domain}
[req]
distinguished_name = dn
[dn]
""")
    run = dict(check=True, capture_output=True)
    subprocess.run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                    f"/CN={domain}", "-keyout", key, "-out", request, "-config", settings], **run)
    dates = (["-startdate", first] if first else []) + (["-enddate", last] if last else [])
    subprocess.run(["openssl", "ca", "-batch", "-selfsign", "-config", settings, "-keyfile", key, "-in", request, "-out",
                    path, "-notext", *dates], **run)
    key.chmod(0o644)
    return path, key


PROSODY = """\
run_as_root = true
pidfile = "{dir}/prosody.pid"
data_path = "{dir}/data"
admin_socket = "{dir}/prosody.sock"
certificates = "{dir}"
plugin_paths = {{ "/usr/lib/prosody/modules" }}
log = {{ {level} = "*console" }}
interfaces = {{ "127.0.0.1" }}
http_ports = {{ {http_port} }}
https_ports = {{}}
http_interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
c2s_direct_tls_ports = {{ {tls_port} }}
c2s_direct_tls_ssl = {{ certificate = "{dir}/{name}.crt", key = "{dir}/{name}.key" }}
authentication = "internal_plain"
c2s_require_encryption = {require}
allow_unencrypted_plain_auth = true
modules_enabled = {{ "roster", "saslauth", "tls", "disco", "ping", "carbons", "offline", "private", "pep", "blocklist",
  "vcard_legacy", "smacks", "mam", "bookmarks", "version", "adhoc", "uptime"{modules} }}
modules_disabled = {{ "s2s"{disabled} }}
smacks_hibernation_time = {hibernation}
archive_expires_after = "never"
ssl = {{ certificate = "{dir}/{name}.crt", key = "{dir}/{name}.key" }}

VirtualHost "{domain}"
  disco_items = {{ {{ "rooms.{domain}", "Rooms" }} }}

Component "rooms.{domain}" "muc"
  modules_enabled = {{ "muc_mam" }}
  muc_log_by_default = true
  muc_room_default_public = true

Component "upload.{domain}" "http_file_share"
  http_host = "127.0.0.1"
  http_external_url = "http://127.0.0.1:{http_port}/"
"""


class ForeignProsody(Prosody):
    """`name`: of the certificate; `options`: require, hibernation, modules, disabled."""

    def __init__(self, directory, domain="b.test", name="good", **options):
        super().__init__(directory)
        self.domain = domain
        self.tls = '"tls"' not in options.get("disabled", "")
        self.certificate_name = name
        self.options = options
        self.tls_port, self.http_port = free_port(), free_port()
        self.rooms = f"rooms.{domain}"
        self.store = self.directory / "data" / urllib.parse.quote(domain, safe="").replace(".", "%2e")
        (self.store / "accounts").mkdir(parents=True)
        self.certificate = certificate(self.directory, domain, "good")[0]
        certificate(self.directory, domain, "old", "200101000000Z", "200201000000Z")
        certificate(self.directory, "elsewhere.test", "other")
        self.component_port = None

    def _configure(self):
        path = self.directory / "prosody.cfg.lua"
        options = {"require": "false", "hibernation": 600, "modules": "", "disabled": "", "level": "info", **self.options}
        path.write_text(PROSODY.format(dir=self.directory, port=self.port, tls_port=self.tls_port, domain=self.domain, http_port=self.http_port,
                                       name=self.certificate_name, **options))
        return path

    def _up(self):
        self.component_port = self.port
        return super()._up()

    def account(self, name="user"):
        user = f"{name}{next(self._numbers)}"
        (self.store / "accounts" / f"{user}.dat").write_text(f'return {{\n\t["password"] = "pass-{user}";\n}};\n')
        return user

    def disable(self, user):
        (self.store / "accounts" / f"{user}.dat").unlink()


EJABBERD = """\
hosts: [ {domain} ]
loglevel: info
certfiles: [ "{dir}/both.pem" ]
ca_file: "{dir}/good.crt"
listen:
  - {{ port: {port}, ip: "127.0.0.1", module: ejabberd_c2s, access: all, shaper: none, max_stanza_size: 1048576,
      starttls: true }}
  - {{ port: {http_port}, ip: "127.0.0.1", module: ejabberd_http, request_handlers: {{ /api: mod_http_api,
      /upload: mod_http_upload }} }}
auth_method: [ internal ]
acl:
  here: {{ ip: 127.0.0.1/8 }}
api_permissions:
  accounts: {{ who: {{ acl: here }}, what: [ register ] }}
modules:
  mod_adhoc: {{}}
  mod_avatar: {{}}
  mod_blocking: {{}}
  mod_caps: {{}}
  mod_carboncopy: {{}}
  mod_disco: {{}}
  mod_http_upload: {{ access: all, host: "upload.{domain}", docroot: "{dir}/upload",
    put_url: "http://127.0.0.1:{http_port}/upload", get_url: "http://127.0.0.1:{http_port}/upload" }}
  mod_mam: {{ default: always }}
  mod_muc: {{ host: "rooms.{domain}", default_room_options: {{ mam: true, public: true, persistent: true }} }}
  mod_offline: {{}}
  mod_ping: {{}}
  mod_privacy: {{}}
  mod_private: {{}}
  mod_pubsub: {{ plugins: [ flat, pep ] }}
  mod_roster: {{}}
  mod_stream_mgmt: {{ resend_on_timeout: if_offline }}
  mod_vcard: {{}}
  mod_vcard_xupdate: {{}}
  mod_version: {{}}
"""


class ForeignEjabberd(Ejabberd):
    """`resumes`: sessions outlive their connections."""

    def __init__(self, directory, domain="c.test", resumes=True):
        super().__init__(directory)
        self.resumes = resumes
        self.domain = domain
        self.tls = True
        self.rooms = f"rooms.{domain}"
        path, key = certificate(self.directory, domain)
        (self.directory / "both.pem").write_text(path.read_text() + key.read_text())
        self.certificate = path

    def _configure(self):
        self.component_ports = {}
        path = self.directory / "ejabberd.yml"
        text = EJABBERD.format(dir=self.directory, port=self.port, http_port=self.http_port, domain=self.domain)
        path.write_text(text if self.resumes else text.replace("  mod_stream_mgmt:", "  mod_last: {}\n#"))
        (self.directory / "inetrc").touch()
        return path


class Proxy:
    """A TCP port that leads to another one, and may stop to do so."""

    def __init__(self, target):
        self.target = target
        self.port = free_port()
        self.connections = 0
        self.held = False       # nothing goes through, but nothing breaks
        self.limit = None       # for each new connection: how many bytes of the server go through until it breaks; None: all
        self._pairs = set()
        self._listener = Listener(self._accept, self.port)

    async def start(self):
        await self._listener.start()
        return self

    async def _accept(self, reader, writer):
        self.connections += 1
        try:
            there = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            return
        limit = self.limit() if self.limit else None
        pair = (reader, writer, *there)
        self._pairs.add(pair)
        await asyncio.gather(self._copy(reader, there[1]), self._copy(there[0], writer, limit))
        self._pairs.discard(pair)

    async def _copy(self, reader, writer, limit=None):
        try:
            while piece := await reader.read(65536):
                while self.held:
                    await asyncio.sleep(0.01)
                writer.write(piece[:limit])
                await writer.drain()
                if limit is not None and (limit := limit - len(piece)) <= 0:
                    break
        except (ConnectionError, OSError):
            pass
        writer.close()

    def cut(self):
        """Breaks all connections that are open, without a word."""
        for _, ours, _, theirs in self._pairs:
            for one in (ours, theirs):
                one.transport.abort()

    async def close_port(self):
        """Nobody gets in any more; what is open stays."""
        self._listener.close()

    async def open_port(self):
        await self._listener.start()

    async def stop(self):
        self.cut()
        await self._listener.stop()


class Jabberd(Process):
    """jabberd2, which has neither stream management nor archive nor rooms: its router, session manager and client port,
    with Berkeley databases. Accounts are registered in band (XEP-0077)."""

    PARTS = ("router", "sm", "c2s")
    shows_own_presence = False
    SETTINGS = pathlib.Path("/etc/jabberd2")

    def __init__(self, directory, domain="d.test"):
        super().__init__(directory, "jabberd")
        self.domain = domain
        self.tls = True
        self.port = self.component_port = self.router_port = None
        self._numbers = itertools.count(1)
        path, key = certificate(self.directory, domain)
        (self.directory / "both.pem").write_text(key.read_text() + path.read_text())
        self.certificate = path
        self.parts = []

    def _configure(self, part):
        """Debian's settings, with our ports, paths and domain."""
        tree = ElementTree.parse(self.SETTINGS / f"{part}.xml")
        root = tree.getroot()

        def put(where, text, **attributes):
            for element in root.findall(where):
                element.text = str(text)
                element.attrib.update(attributes)
        put("pidfile", self.directory / f"{part}.pid")
        put("log", "", type="stdout")
        for where in ("storage/driver", "authreg/module"):
            put(where, "db")
        for where in ("storage/db/path", "authreg/db/path"):
            put(where, self.directory / "db")
        put("local/id", self.domain, **({"pemfile": str(self.directory / "both.pem")} if part == "c2s" else {}))
        put("local/ip", "127.0.0.1")
        put("local/port", self.router_port if part == "router" else self.port)
        put("router/port", self.router_port)
        path = self.directory / f"{part}.xml"
        tree.write(path)
        return path

    def start(self):
        (self.directory / "db").mkdir(exist_ok=True)
        self.router_port, self.port = free_port(), free_port()
        self.component_port = self.port
        for part in self.PARTS:
            one = Process(self.directory, part)
            one.launch(f"/usr/sbin/jabberd2-{part}", "-c", self._configure(part))
            self.parts.append(one)
            if part != "sm":
                port = self.router_port if part == "router" else self.port
                wait_for(lambda: answers(port), f"jabberd2's {part} accepts connections:\n{one.log()}")
        router, sm, _ = self.parts
        wait_for(lambda: "ready for sessions" in sm.log() and "[c2s] online" in router.log(), "jabberd2 is up")
        return self

    def stop(self):
        for one in reversed(self.parts):
            one.end()

    def running(self):
        return all(one.running() for one in self.parts)

    def account(self, name="user"):
        user = f"{name}{next(self._numbers)}"
        fields = f"<username>{user}</username><password>pass-{user}</password>"
        with socket.create_connection(("127.0.0.1", self.port), LIMIT) as wire:
            wire.sendall(f"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' "
                         f"to='{self.domain}'><iq type='set' id='r'><query xmlns='jabber:iq:register'>{fields}</query>"
                         "</iq>".encode())
            said = b""
            while b"id='r'" not in said and b'id="r"' not in said:
                said += wire.recv(65536)
            assert b"result" in said and b"<error" not in said, said
        return user
