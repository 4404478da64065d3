# SPDX-License-Identifier: GPL-2.0-or-later
"""XMPP servers, Prosody and ejabberd: host `localhost`, components `gw.localhost` and `irc.localhost` with the secret
`secret`, only on 127.0.0.1. Prosody's accounts are written straight into its store, which it reads at each log-in;
ejabberd's are made through its HTTP interface."""

import itertools
import json
import pathlib
import signal
import subprocess
import urllib.request

from processes import LIMIT, Process, answers, free_port, wait_for

COMPONENTS = ("gw.localhost", "irc.localhost")
SECRET = "secret"

CONFIGURATION = """\
run_as_root = true
pidfile = "{dir}/prosody.pid"
data_path = "{dir}/data"
admin_socket = "{dir}/prosody.sock"
certificates = "{dir}"
plugin_paths = {{ "/usr/lib/prosody/modules" }}
log = {{ info = "*console" }}

interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
c2s_direct_tls_ports = {{}}
component_ports = {{ {component_port} }}
component_interfaces = {{ "127.0.0.1" }}

authentication = "internal_plain"
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
modules_enabled = {{ "roster", "saslauth", "disco", "ping", "carbons", "offline", "private", "pep", "blocklist",
  "vcard_legacy"{modules} }}
modules_disabled = {{ "s2s"{no_tls} }}
consider_websocket_secure = true
consider_bosh_secure = true
http_ports = {{ {http_port} }}
https_ports = {{}}
http_interfaces = {{ "127.0.0.1" }}

VirtualHost "localhost"
{privileges}
"""

PRIVILEGES = """\
  privileged_entities = {{
    ["{jid}"] = {{ roster = "both", message = "outgoing", presence = "roster", iq = {{
      ["http://jabber.org/protocol/pubsub"] = "both", ["http://jabber.org/protocol/pubsub#owner"] = "set" }} }};
  }}
"""

COMPONENT = """\
Component "{jid}"
  component_secret = "{secret}"
  component_conflict_resolve = "kick_old"
  modules_enabled = {{ {modules} }}
"""


UPLOAD = """\
Component "upload.localhost" "http_file_share"
  http_host = "127.0.0.1"
  http_external_url = "http://127.0.0.1:{http_port}/"
  http_file_share_size_limit = 100000
"""


# What a public server has beside the rest; converse.js comes by WebSocket.
WEB = ', "websocket", "bosh", "mam", "smacks", "csi_simple", "vcard4", "version", "time", "bookmarks"'


def component_port(host, jid):
    """Where a component of this name connects to."""
    return getattr(host, "component_ports", {}).get(jid, host.component_port)


def self_signed(directory, name, subject_names):
    """Makes NAME.crt and NAME.key."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    "30", "-subj", f"/CN={name}", "-addext", f"subjectAltName={subject_names}", "-keyout",
                    directory / f"{name}.key", "-out", directory / f"{name}.crt"], check=True, capture_output=True)


class Prosody(Process):
    """`privileged`: XEP-0356 for gw.localhost. `tls`: STARTTLS with a self-signed certificate may be used. `upload`: an
    upload service (XEP-0363), at `http_port`. `web`: what public servers have, also WebSocket, at `http_port`."""

    def __init__(self, directory, privileged=False, tls=False, upload=False, web=False):
        super().__init__(directory, "prosody")
        self.privileged = privileged
        self.tls = tls
        self.upload = upload
        self.web = web
        self.http_port = free_port() if upload or web else None
        self.port = self.component_port = None
        self._numbers = itertools.count(1)
        (self.directory / "data/localhost/accounts").mkdir(parents=True)
        if tls:
            self_signed(self.directory, "localhost", "DNS:localhost")

    def _configure(self):
        text = CONFIGURATION.format(
            dir=self.directory, port=self.port, component_port=self.component_port,
            http_port=self.http_port or "", no_tls="" if self.tls else ', "tls"',
            modules=(', "tls"' if self.tls else "") + (', "privilege"' if self.privileged else "")
            + (WEB if self.web else ""),
            privileges=PRIVILEGES.format(jid=COMPONENTS[0]) if self.privileged else "")
        for jid in COMPONENTS:
            text += COMPONENT.format(jid=jid, secret=SECRET, modules='"privilege"' if self.privileged else "")
        if self.upload:
            text += UPLOAD.format(http_port=self.http_port)
        path = self.directory / "prosody.cfg.lua"
        path.write_text(text)
        return path

    def _up(self):
        if "Failed to open server port" in self.log():
            return "port taken"
        assert self.running(), f"prosody ended at start:\n{self.log()}"
        return "up" if answers(self.port) and answers(self.component_port) else None

    def start(self):
        """Starts on the same ports as before, or on fresh ones the first time."""
        first = self.port is None
        for _ in range(5):
            if first:
                self.port, self.component_port = free_port(), free_port()
            self.log_path.unlink(missing_ok=True)
            self.launch("prosody", "-F", "--config", self._configure())
            if wait_for(self._up, "prosody accepts connections", 2 * LIMIT) == "up":
                return self
            self.end()
            assert first, f"prosody's ports were taken while it was down:\n{self.log()}"
        raise AssertionError("prosody found no free ports")

    def stop(self):
        return self.end()

    def kill(self):
        return self.end(signal.SIGKILL)

    def account(self, name="user"):
        """A new account; returns its user name. The password is `pass-NAME`."""
        user = f"{name}{next(self._numbers)}"
        path = pathlib.Path(self.directory) / "data/localhost/accounts" / f"{user}.dat"
        path.write_text(f'return {{\n\t["password"] = "pass-{user}";\n}};\n')
        return user

    def links(self, jid):
        """How often a component has logged in under this name since Prosody's start."""
        return len(self.log_lines(f"^{jid}:component.*External component successfully authenticated"))


EJABBERD = """\
hosts: [ localhost ]
loglevel: info
listen:
  - {{ port: {port}, ip: "127.0.0.1", module: ejabberd_c2s, access: all, shaper: none, max_stanza_size: 1048576 }}
  - port: {http_port}
    ip: "127.0.0.1"
    module: ejabberd_http
    request_handlers: {{ /api: mod_http_api, /ws: ejabberd_http_ws{upload} }}
{components}
auth_method: [ internal ]
acl:
  gateway: {{ server: "{jid}" }}
  here: {{ ip: 127.0.0.1/8 }}
access_rules:
  gateway: {{ allow: gateway }}
api_permissions:
  accounts: {{ who: {{ acl: here }}, what: [ register ] }}
modules:
  mod_adhoc: {{}}
  mod_caps: {{}}
  mod_carboncopy: {{}}
  mod_disco: {{}}
  mod_muc: {{}}
  mod_offline: {{}}
  mod_ping: {{}}
  mod_private: {{}}
  mod_pubsub: {{ plugins: [ flat, pep ] }}
  mod_roster: {{}}
  mod_vcard: {{}}
{privileges}
"""

# A port for each: all components of one are sent what is for any of them.
EJABBERD_COMPONENT = """\
  - port: {port}
    ip: "127.0.0.1"
    module: ejabberd_service
    access: all
    shaper: none
    hosts:
      "{jid}": {{ password: "{secret}" }}
"""

# mod_caps of 23.01 needs mod_muc: without it, capabilities of a component's presence are lost.
# The name of an access rule: with the name of an ACL ejabberd grants nothing.
EJABBERD_PRIVILEGES = """\
  mod_privilege:
    roster: {{ both: gateway }}
    message: {{ outgoing: gateway }}
    presence: {{ managed_entity: gateway, roster: gateway }}
"""


# Its default lets nobody but its own users put files there.
EJABBERD_UPLOAD = """\
  mod_http_upload:
    access: all
    docroot: "{dir}/files"
    put_url: "http://127.0.0.1:{http_port}/upload"
    get_url: "http://127.0.0.1:{http_port}/upload"
    max_size: 100000
    thumbnail: false
"""


class Ejabberd(Process):
    """Its Erlang machine in the foreground, without a node name, so that nothing but its ports is opened. `privileged`,
    `upload`: as Prosody's."""

    def __init__(self, directory, privileged=False, upload=False):
        super().__init__(directory, "ejabberd")
        self.privileged = privileged
        self.upload = upload
        self.port = self.component_port = self.http_port = None
        self.component_ports = {}
        self._numbers = itertools.count(1)

    def _configure(self):
        components = "".join(EJABBERD_COMPONENT.format(jid=jid, port=port, secret=SECRET)
                             for jid, port in self.component_ports.items())
        privileges = EJABBERD_PRIVILEGES.format() if self.privileged else ""
        path = self.directory / "ejabberd.yml"
        if self.upload:
            privileges += EJABBERD_UPLOAD.format(dir=self.directory, http_port=self.http_port)
        path.write_text(EJABBERD.format(port=self.port, http_port=self.http_port, components=components,
                                        upload=", /upload: mod_http_upload" if self.upload else "",
                                        privileges=privileges, jid=COMPONENTS[0]))
        (self.directory / "inetrc").touch()
        return path

    def _up(self):
        if "eaddrinuse" in self.log():
            return "port taken"
        assert self.running(), f"ejabberd ended at start:\n{self.log()}"
        return "up" if all(map(answers, (self.port, self.http_port, *self.component_ports.values()))) else None

    def start(self):
        """Starts on the same ports as before, or on fresh ones the first time."""
        first = self.port is None
        for _ in range(5):
            if first:
                self.port, self.http_port = free_port(), free_port()
                self.component_ports = {jid: free_port() for jid in COMPONENTS}
                self.component_port = self.component_ports[COMPONENTS[0]]
            self.log_path.unlink(missing_ok=True)
            self.launch("erl", "-noinput", "-mnesia", "dir", f'"{self.directory}/db"', "-s", "ejabberd",
                        EJABBERD_CONFIG_PATH=str(self._configure()), EJABBERD_LOG_PATH=str(self.log_path),
                        ERL_LIBS="/usr/lib/x86_64-linux-gnu", ERL_INETRC=str(self.directory / "inetrc"),
                        ERL_CRASH_DUMP=str(self.directory / "crash.dump"), HOME=str(self.directory))
            if wait_for(self._up, "ejabberd accepts connections", 4 * LIMIT) == "up":
                return self
            self.end()
            assert first, f"ejabberd's ports were taken while it was down:\n{self.log()}"
        raise AssertionError("ejabberd found no free ports")

    def stop(self):
        return self.end(limit=2 * LIMIT)

    def kill(self):
        return self.end(signal.SIGKILL)

    def account(self, name="user"):
        """A new account; returns its user name. The password is `pass-NAME`."""
        user = f"{name}{next(self._numbers)}"
        account = {"user": user, "host": getattr(self, "domain", "localhost"), "password": f"pass-{user}"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.http_port}/api/register", json.dumps(account).encode())
        with urllib.request.urlopen(request, timeout=LIMIT) as answer:
            assert "successfully" in answer.read().decode()
        return user

    def links(self, jid):
        """How often a component has logged in under this name since the start."""
        return len(self.log_lines(f"Accepted external component handshake authentication for {jid}"))
