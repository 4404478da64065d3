#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A network on which the users of one instance live together: each is a contact that others can add, is asked for it,
sees who is there, and gets what is written to him. What a password says happens at the log-in (see PASSWORDS).
Everything else is as in backend.py, also what message bodies ask for when they are written to `control`."""
import backend
from backend import AUTH_REQUEST, BUDDY_CHANGED, BUDDY_REMOVED, CONNECTED, DISCONNECTED, MESSAGE_RESULT, STOPPED_TYPING, TYPING

NONE = 5  # the status of who is not there
# password: (connection error, text); None = no answer at all
PASSWORDS = {b"wrong": (2, "The password is not right."), b"unknown": (1, "There is nobody of this name."),
             b"down": (0, "The network is down."), b"taken": (6, "You are logged in elsewhere."), b"silent": None}


class Village(backend.Backend):
    def __init__(self, line, extended):
        super().__init__(line, extended)
        self.jids = {}      # legacy name -> the user's JID, of those who are online
        self.names = {}     # the other way round
        self.status = {}    # legacy name -> (status, text)
        self.lists = {}     # legacy name -> names that he sees
        self.tries = {}     # legacy name -> passwords that were tried
        self.passwords = {} # legacy name -> the only one that is right; of others any but those above are

    def on_3(self, login):  # LOGIN
        jid, name, password = login[1], login[2], login[3]
        self.tries.setdefault(name, []).append(password)
        right = self.passwords.get(name, password)
        if right != password:
            password = right if right in PASSWORDS else b"wrong"
        if password in PASSWORDS:
            if PASSWORDS[password]:
                error, text = PASSWORDS[password]
                self.send(DISCONNECTED, {1: jid, 2: error, 3: text})
            return
        self.users.append(jid)
        self.jids[name], self.names[jid] = jid, name
        self.send(CONNECTED, {1: jid})
        self.status[name] = (0, b"")
        for other in sorted(self.lists.setdefault(name, set())):
            self.show(other, name)
        self.tell(name)

    def on_4(self, logout):  # LOGOUT
        name = self.names.pop(logout[1], None)
        if name is not None:
            del self.jids[name]
            self.status[name] = (NONE, b"")
            self.tell(name)

    def show(self, name, to):
        """What `to` sees of `name`."""
        status, text = self.status.get(name, (NONE, b""))
        self.send(BUDDY_CHANGED, {1: self.jids[to], 2: name, 5: status, 6: text})

    def tell(self, name):
        for other, seen in self.lists.items():
            if name in seen and other in self.jids:
                self.show(name, other)

    def on_17(self, status):  # STATUS_CHANGED
        name = self.names.get(status[1])
        if name is not None:
            self.status[name] = (status[3], status.get(4, b""))
            self.tell(name)

    def on_6(self, buddy):  # BUDDY_CHANGED: adds, or says yes
        name, other = self.names[buddy[1]], buddy[2]
        if 8 in buddy:  # blocks somebody, whom that makes no contact
            super().on_6(buddy)
            return
        fresh = other not in self.lists[name]
        self.lists[name].add(other)
        self.show(other, name)
        if fresh and other in self.jids and name not in self.lists[other]:
            self.send(AUTH_REQUEST, {1: self.jids[other], 2: name})

    def on_7(self, buddy):  # BUDDY_REMOVED
        name, other = self.names[buddy[1]], buddy[2]
        self.lists[name].discard(other)
        if name in self.lists.get(other, ()) and other in self.jids:
            self.send(BUDDY_CHANGED, {1: self.jids[other], 2: name, 5: NONE})

    def on_8(self, message):  # CONV_MESSAGE
        name, other = self.names.get(message[1]), message[2]
        if other == b"control":
            super().on_8(message)
        elif other in self.jids:
            self.say(self.jids[other], name, message.get(3, b""), **{})
            self.result(message, 0, "")
        else:
            self.send(MESSAGE_RESULT, {1: message[1], 2: message.get(8), 3: other, 4: 13, 5: "He is not there."})

    def passed_on(self, kind, buddy):
        if buddy[2] in self.jids:
            self.send(kind, {1: self.jids[buddy[2]], 2: self.names[buddy[1]]})

    def on_18(self, buddy):
        self.passed_on(TYPING, buddy)

    def on_19(self, buddy):
        self.passed_on(STOPPED_TYPING, buddy)

    def on_105(self, slot):  # SLOT
        self.say(slot[1], "control", "slot " + backend.shown(self.raw))

    def on_103(self, annotation):  # ANNOTATION: those about `control` would be answered for ever
        if annotation[2] != b"control":
            super().on_103(annotation)

    def tried(self, user, peer, text):
        """`TRIED NAME`: the passwords that the network was asked about."""
        self.say(user, peer, b" ".join(self.tries.get(text.split()[1].encode(), [])))


    def changed(self, user, peer, text):
        """`PASSWORD NAME PASSWORD`: from now on."""
        _, name, password = text.split()
        self.passwords[name.encode()] = password.encode()
        self.say(user, peer, "changed")


backend.BODIES["TRIED"] = Village.tried
backend.BODIES["PASSWORD"] = Village.changed
backend.Backend = Village
if __name__ == "__main__":
    backend.main()
