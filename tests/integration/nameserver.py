# SPDX-License-Identifier: GPL-2.0-or-later
"""A name server on 127.0.0.1 for SRV records, which know of ports."""

from processes import Process, free_port, wait_for


class Dnsmasq(Process):
    def __init__(self, directory, records):
        super().__init__(directory, "dnsmasq")
        self.records = records
        self.port = free_port()

    def start(self):
        self.launch("/usr/sbin/dnsmasq", "-k", "-h", "-R", "-u", "", "-C", "/dev/null", "--pid-file=",
                    "--listen-address=127.0.0.1", "--bind-interfaces", "-p", self.port, "--local=/test/",
                    "--local=/localhost/", "--log-facility=-", *self.records)
        wait_for(lambda: "started" in self.log(), "dnsmasq is up")
        return self
