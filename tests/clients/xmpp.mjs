// SPDX-License-Identifier: GPL-2.0-or-later
// @xmpp/client as it comes: it finds the server (SRV records, if the service is a bare domain), secures the stream, logs
// in, binds, keeps stream management and comes back after a break, all by itself.
import dns from "node:dns";

import { client } from "@xmpp/client";
import parse from "@xmpp/xml/lib/parse.js";
import WebSocket from "ws";

import { listen, tell } from "./line.mjs";

globalThis.WebSocket = WebSocket; // Node 20 has none
let xmpp;

function start({ service, domain, username, password, resource, nameserver }) {
  if (nameserver) dns.setServers([nameserver]);
  xmpp = client({ service, domain, username, password, resource });
  xmpp.reconnect.delay = 200;
  xmpp.on("error", (error) =>
    tell("error", { name: error.name, condition: error.condition, text: error.text, message: error.message }));
  xmpp.on("online", (address) => tell("online", { jid: address.toString() }));
  xmpp.on("status", (status, value) => tell("status", { status, value: value?.toString() }));
  xmpp.on("stanza", (stanza) => tell("stanza", { xml: stanza.toString() }));
  xmpp.streamManagement.on("resumed", () => tell("resumed"));
  xmpp.start().catch(() => {}); // was told as an error
}

listen({
  start,
  send: ({ xml }) => xmpp.send(parse(xml)),
  stop: () => xmpp.stop().then(() => tell("stopped")),
});
