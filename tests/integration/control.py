# SPDX-License-Identifier: GPL-2.0-or-later
"""The administration as spectrum2_manager reaches it: QUERY frames over the socket or the port of an instance."""

import asyncio
import pathlib
import socket

from wire import Line


def socket_path(gateway):
    return pathlib.Path(gateway.directory) / f"run/{gateway.jid}.sock"


def port(gateway):
    return int((pathlib.Path(gateway.directory) / f"run/{gateway.jid}.port").read_text())


def connect(gateway, by_port=False):
    if by_port:
        return Line(socket.create_connection(("127.0.0.1", port(gateway))))
    one = socket.socket(socket.AF_UNIX)
    one.connect(str(socket_path(gateway)))
    return Line(one)


def ask(gateway, line, by_port=False):
    """What one line is answered with."""
    connection = connect(gateway, by_port)
    try:
        connection.send("QUERY", config=line)
        return connection.expect("QUERY")["config"]
    finally:
        connection.close()


async def query(gateway, line, by_port=False):
    """The same, while the people of a test go on."""
    return await asyncio.get_running_loop().run_in_executor(None, ask, gateway, line, by_port)
