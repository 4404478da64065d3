# SPDX-License-Identifier: GPL-2.0-or-later
"""IRC servers on 127.0.0.1: ngIRCd (plain RFC 1459/2812, what the oldest networks speak) and InspIRCd (IRCv3, TLS) with
Atheme's services (NickServ, SASL) behind it."""

import grp
import os
import pwd
import resource
import shutil
import signal
import socket

from hosts import self_signed
from processes import LIMIT, Process, answers, free_port, wait_for

NGIRCD = """\
[Global]
Name = ngircd.test
Info = test server
Listen = 127.0.0.1
Ports = {port}
ServerUID = {user}
ServerGID = {group}
AdminInfo1 = test
[Limits]
MaxConnections = 0
MaxConnectionsIP = 0
MaxJoins = 0
MaxNickLength = 20
MaxPenaltyTime = 0
PingTimeout = 300
PongTimeout = 300
[Options]
DNS = no
Ident = no
PAM = no
OperCanUseMode = yes
[Operator]
Name = oper
Password = operpass
"""

INSPIRCD = """\
<server name="insp.test" description="test server" network="TestNet">
<admin name="admin" nick="admin" email="admin@insp.test">
<bind address="127.0.0.1" port="{port}" type="clients">
<bind address="127.0.0.1" port="{tls_port}" type="clients" sslprofile="clients">
<bind address="127.0.0.1" port="{services_port}" type="servers">
<connect allow="*" timeout="60" hardsendq="1M" softsendq="64K" recvq="64K" localmax="5000" globalmax="5000"
  maxchans="100" resolvehostnames="no" useident="no" threshold="10000" commandrate="10000000" fakelag="no">
<options prefixquit="Quit: " casemapping="ascii" defaultmodes="not">
<performance nouserdns="yes">
<path configdir="{dir}" datadir="{dir}" logdir="{dir}" runtimedir="{dir}" moduledir="{modules}">
<pid file="{dir}/inspircd.pid">
<log method="file" type="* -USERINPUT -USEROUTPUT" level="default" target="ircd.log">
<class name="all" commands="*" usermodes="*" chanmodes="*">
<type name="all" classes="all">
<oper name="oper" password="operpass" host="*@*" type="all">
<sslprofile name="clients" provider="gnutls" certfile="{dir}/ircd.crt" keyfile="{dir}/ircd.key" hash="sha256"
  requestclientcert="yes">
<link name="services.test" ipaddr="127.0.0.1" port="{services_port}" allowmask="127.0.0.1" sendpass="link"
  recvpass="link">
<uline server="services.test" silent="yes">
<sasl target="services.test" requiressl="no">
<cloak mode="half" key="0123456789012345678901234567890123456789">
"""

# What Atheme's link needs comes first: deaf, servprotect, svshold, hideoper.
INSPIRCD_MODULES = """ssl_gnutls sslinfo spanningtree deaf servprotect svshold hideoper services_account sasl
cap ircv3 ircv3_accounttag ircv3_batch ircv3_capnotify ircv3_chghost ircv3_ctctags ircv3_echomessage
ircv3_invitenotify ircv3_labeledresponse ircv3_msgid ircv3_servertime setname monitor namesx uhnames botmode
banredirect blockcolor cloaking md5 sha256"""

ATHEME = """\
{loads}
serverinfo {{
	name = "services.test"; desc = "services"; numeric = "00A"; recontime = 1; netname = "TestNet";
	hidehostsuffix = "users.test"; adminname = "admin"; adminemail = "admin@services.test";
	registeremail = "noreply@services.test"; mta = "/bin/true"; loglevel = {{ error; info; }};
	maxlogins = 100; maxusers = 0; mdlimit = 30; emaillimit = 10; emailtime = 300; auth = none; casemapping = ascii;
}};
uplink "insp.test" {{ host = "127.0.0.1"; port = {services_port}; send_password = "link"; receive_password = "link"; }};
nickserv {{ nick = "NickServ"; user = "NickServ"; host = "services.test"; real = "Nick services"; }};
chanserv {{ nick = "ChanServ"; user = "ChanServ"; host = "services.test"; real = "Channel services"; }};
saslserv {{ nick = "SaslServ"; user = "SaslServ"; host = "services.test"; real = "SASL services"; }};
general {{ }};
"""

ATHEME_MODULES = """protocol/inspircd backend/opensex crypto/pbkdf2v2 nickserv/main nickserv/register nickserv/identify
nickserv/login nickserv/help nickserv/info nickserv/cert chanserv/main chanserv/register saslserv/main saslserv/plain
saslserv/external"""


def program(name):
    """Debian keeps servers in sbin, which is not in everybody's PATH."""
    path = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    assert path, f"{name} is not installed"
    return path


def transcript(port, *steps, limit=LIMIT):
    """One short conversation. A step is (lines to send, text to wait for); returns the last answer, None if it did not
    come."""
    got = b""
    try:
        with socket.create_connection(("127.0.0.1", port), limit) as link:
            link.settimeout(limit)
            for lines, until in steps:
                got = b""
                link.sendall("".join(line + "\r\n" for line in lines).encode())
                while until not in got:
                    piece = link.recv(4096)
                    if not piece:
                        return None
                    got += piece
    except OSError:
        return None
    return got


class Ngircd(Process):
    def __init__(self, directory):
        super().__init__(directory, "ngircd")
        self.port = None

    def start(self):
        for _ in range(5):
            self.port = self.port or free_port()
            path = self.directory / "ngircd.conf"
            path.write_text(NGIRCD.format(port=self.port, user=pwd.getpwuid(os.geteuid()).pw_name,
                                          group=grp.getgrgid(os.getegid()).gr_name))
            self.launch(program("ngircd"), "-n", "-f", path)
            if wait_for(lambda: "up" if answers(self.port) else not self.running() and "ended",
                        "ngircd accepts connections") == "up":
                return self
            self.port = None
        raise AssertionError(f"ngircd does not start:\n{self.log()}")

    def stop(self):
        return self.end()


class Inspircd(Process):
    """With TLS on `tls_port` (self-signed) and, after start, Atheme's services."""

    def __init__(self, directory):
        super().__init__(directory, "inspircd")
        self.services = Process(directory, "atheme")
        self.port = self.tls_port = self.services_port = None

    def start(self):
        self_signed(self.directory, "ircd", "DNS:localhost,IP:127.0.0.1")
        for _ in range(5):
            self.port, self.tls_port, self.services_port = free_port(), free_port(), free_port()
            if self._start_server():
                return self._start_services()
            self.end()
        raise AssertionError(f"inspircd does not start:\n{self.log()}")

    def _start_server(self):
        text = "".join(f'<module name="{name}">\n' for name in INSPIRCD_MODULES.split())
        text += INSPIRCD.format(dir=self.directory, port=self.port, tls_port=self.tls_port,
                                services_port=self.services_port, modules="/usr/lib/inspircd/modules")
        path = self.directory / "inspircd.conf"
        path.write_text(text)
        # It ends with a segmentation fault now and then when TLS is on; no core files for that.
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        self.launch(program("inspircd"), "--runasroot", "--nofork", f"--config={path}")
        ports = (self.port, self.tls_port, self.services_port)

        def state():
            if "failed to bind" in self.log() or not self.running():
                return "ended"
            return "up" if all(map(answers, ports)) else None
        return wait_for(state, "inspircd accepts connections") == "up"

    def _start_services(self):
        path = self.directory / "atheme.conf"
        loads = "".join(f'loadmodule "modules/{name}";\n' for name in ATHEME_MODULES.split())
        path.write_text(ATHEME.format(loads=loads, services_port=self.services_port))
        data = self.directory / "atheme"
        data.mkdir(exist_ok=True)
        self.services.launch(program("atheme-services"), "-n", "-c", path, "-D", data, "-l", data / "log", "-p",
                             data / "pid")
        wait_for(lambda: b"sasl=" in (transcript(self.port, (["CAP LS 302"], b"\r\n"), limit=2) or b""),
                 "services offer SASL", 3 * LIMIT)
        return self

    def account(self, nickname, password):
        """Registers the nickname with NickServ."""
        said = transcript(self.port, ([f"NICK {nickname}", f"USER {nickname} 0 * :{nickname}"], b" 422 "),
                          ([f"PRIVMSG NickServ :REGISTER {password} {nickname}@insp.test"], b"is now registered"))
        assert said, f"NickServ did not register {nickname}"

    def stop(self):
        self.services.end()
        self.end(signal.SIGTERM)  # its exit status says nothing: it may crash while it ends
