# SPDX-License-Identifier: GPL-2.0-or-later
"""Ad-hoc commands (XEP-0050) as a client gives them, step by step, and the gateway's answers with short names."""

from xml.sax.saxutils import escape

from stanzas import DATA, DISCO_INFO, DISCO_ITEMS, xml_attributes

COMMANDS = "http://jabber.org/protocol/commands"
ADMIN = "http://jabber.org/protocol/admin"


class Answer:
    """What came to one step."""

    def __init__(self, stanza):
        self.stanza = stanza
        self.command = stanza.child("command", COMMANDS)
        get = (lambda name: None) if self.command is None else self.command.get
        self.node, self.session, self.status = get("node"), get("sessionid"), get("status")

    def _all(self, path):
        return [] if self.command is None else self.command.findall(path)

    @property
    def notes(self):
        """[(type, text)]"""
        return [(n.get("type"), n.text or "") for n in self._all(f"{{{COMMANDS}}}note")]

    @property
    def note(self):
        return "\n".join(text for _, text in self.notes)

    @property
    def actions(self):
        """(default, {allowed})"""
        found = self._all(f"{{{COMMANDS}}}actions")
        return (found[0].get("execute"), {a.tag.rpartition("}")[2] for a in found[0]}) if found else None

    @property
    def fields(self):
        """{var: (type, required, [values])}"""
        found = {}
        for f in self._all(f"{{{DATA}}}x/{{{DATA}}}field"):
            values = [v.text or "" for v in f.findall(f"{{{DATA}}}value")]
            found[f.get("var")] = (f.get("type"), f.find(f"{{{DATA}}}required") is not None, values)
        return found

    def value(self, var):
        values = self.fields[var][2]
        return values[0] if values else ""

    def options(self, var):
        return [o.findtext(f"{{{DATA}}}value") for o in self._all(f"{{{DATA}}}x/{{{DATA}}}field[@var='{var}']/{{{DATA}}}option")]

    @property
    def rows(self):
        """Of a table: [{var: value}]"""
        return [{f.get("var"): f.findtext(f"{{{DATA}}}value") or "" for f in item}
                for item in self._all(f"{{{DATA}}}x/{{{DATA}}}item")]

    @property
    def error(self):
        """(condition, condition of XEP-0050, text)"""
        node = self.stanza.child("error")
        if node is None:
            return None
        own = [c.tag.rpartition("}")[2] for c in node if c.tag.startswith(f"{{{COMMANDS}}}")]
        return self.stanza.condition, own[0] if own else None, self.stanza.error[2]

    def __repr__(self):
        return repr(self.stanza)


def form(values, form_type=None):
    """A submitted form; lists have several values."""
    fields = dict({"FORM_TYPE": form_type} if form_type else {}, **values)
    inner = ""
    for var, value in fields.items():
        several = value if isinstance(value, list) else [value]
        inner += f"<field{xml_attributes(var=var)}>" + "".join(f"<value>{escape(v)}</value>" for v in several) + "</field>"
    return f"<x xmlns='{DATA}' type='submit'>{inner}</x>"


async def command(user, gateway, node, payload="", session=None, action=None, **more):
    attributes = xml_attributes(node=node, sessionid=session, action=action)
    return Answer(await user.iq(gateway, f"<command xmlns='{COMMANDS}'{attributes}>{payload}</command>", "set", **more))


async def execute(user, gateway, node, **more):
    """Begins a command."""
    return await command(user, gateway, node, action="execute", **more)


async def submit(user, answer, /, action=None, form_type=None, **values):
    """Goes on with the form of `answer` filled in."""
    return await command(user, answer.stanza.sender, answer.node, form(values, form_type), answer.session, action)


async def step(user, answer, action):
    """Goes on without a form."""
    return await command(user, answer.stanza.sender, answer.node, "", answer.session, action)


async def run(user, gateway, node, **values):
    """A command of at most one step; its result."""
    answer = await execute(user, gateway, node)
    if answer.status == "executing":
        answer = await submit(user, answer, **values)
    assert answer.status == "completed", answer
    return answer


async def listed(user, gateway):
    """{node: name} of the commands that he may give."""
    answer = await user.iq(gateway, f"<query xmlns='{DISCO_ITEMS}' node='{COMMANDS}'/>")
    items = list(answer.xml.iter(f"{{{DISCO_ITEMS}}}item"))
    assert all(item.get("jid") == gateway for item in items), answer
    return {item.get("node"): item.get("name") for item in items}


async def info(user, gateway, node=None):
    """disco#info: ([(category, type, name)], {features}); None if it is refused."""
    answer = await user.iq(gateway, f"<query xmlns='{DISCO_INFO}'{xml_attributes(node=node)}/>")
    if answer.type == "error":
        return None
    return ([(i.get("category"), i.get("type"), i.get("name")) for i in answer.xml.iter(f"{{{DISCO_INFO}}}identity")],
            {f.get("var") for f in answer.xml.iter(f"{{{DISCO_INFO}}}feature")})
