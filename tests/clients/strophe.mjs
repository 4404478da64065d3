// SPDX-License-Identifier: GPL-2.0-or-later
// strophe.js, of which web clients such as Converse are made, over a WebSocket.
import { Strophe, toStanza } from "strophe.js";

import { listen, tell } from "./line.mjs";

console.log = console.info = console.debug = console.error; // what the library says is no event
const names = Object.fromEntries(Object.entries(Strophe.Status).map(([name, number]) => [number, name.toLowerCase()]));
let connection;

function start({ service, domain, username, password, resource }) {
  connection = new Strophe.Connection(service, { enableStreamManagement: true });
  connection.xmlInput = (element) => {
    for (const stanza of element.nodeName === "body" ? element.childNodes : [element]) {
      if (["iq", "message", "presence"].includes(stanza.nodeName))
        tell("stanza", { xml: Strophe.serialize(stanza) });
    }
  };
  connection.connect(`${username}@${domain}/${resource}`, password, (status, condition, element) => {
    tell("status", { status: names[status], condition });
    if (status === Strophe.Status.CONNECTED) tell("online", { jid: connection.jid });
    if (status === Strophe.Status.AUTHFAIL)
      tell("error", { condition: element.childNodes[0].nodeName, text: element.getElementsByTagName("text")[0]?.textContent });
  });
}

listen({
  start,
  send: ({ xml }) => connection.send(toStanza(xml)),
  stop: () => { connection.disconnect("bye"); tell("stopped"); },
});
