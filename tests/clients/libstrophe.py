#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""libstrophe as it comes, by ctypes: `libstrophe.py JID PORT`, with the password on standard input, logs in to 127.0.0.1 by
STARTTLS with any certificate, binds, and says "in" or "out"."""

import ctypes
import sys

TRUST_TLS = 1 << 3
CONNECT = 0  # the event

strophe = ctypes.CDLL("libstrophe.so.0")
strophe.xmpp_ctx_new.restype = strophe.xmpp_conn_new.restype = ctypes.c_void_p
HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)

jid, port = sys.argv[1:]
events = []
handler = HANDLER(lambda connection, event, *_: events.append(event))
strophe.xmpp_initialize()
context = ctypes.c_void_p(strophe.xmpp_ctx_new(None, None))
connection = ctypes.c_void_p(strophe.xmpp_conn_new(context))
strophe.xmpp_conn_set_jid(connection, jid.encode())
strophe.xmpp_conn_set_pass(connection, sys.stdin.buffer.read())
strophe.xmpp_conn_set_flags(connection, ctypes.c_long(TRUST_TLS))
strophe.xmpp_connect_client(connection, b"127.0.0.1", ctypes.c_ushort(int(port)), handler, None)
while not events:
    strophe.xmpp_run_once(context, ctypes.c_ulong(20))
print("in" if events[0] == CONNECT else "out")
if events[0] == CONNECT:
    strophe.xmpp_disconnect(connection)
    while len(events) < 2:
        strophe.xmpp_run_once(context, ctypes.c_ulong(20))
