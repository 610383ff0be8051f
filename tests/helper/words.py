# SPDX-License-Identifier: Apache-2.0
"""What the words of a script mean: addresses, payloads, and messages that
another file has."""

import ast
import ipaddress
import os
import re

ADDRESSES = {
    False: {"client": "10.1.1.1", "public": "10.9.9.240",
            "server": "10.9.9.2", "vip": "10.9.9.100", "other": "10.9.9.3"},
    True: {"client": "fd01::1", "public": "fd09::240", "server": "fd09::2",
           "vip": "fd09::100", "other": "fd09::3"},
}


class Address(str):
    """{client}, {client:dec}, {client:raw} and {client:ftp}."""

    def __format__(self, spec):
        address = ipaddress.ip_address(self)
        return {"dec": str(int(address)), "ftp": self.replace(".", ","),
                "raw": address.packed.decode("latin-1")}.get(spec, str(self))


def addresses(ipv6, nat):
    names = dict(ADDRESSES[ipv6])
    if nat != "snat":
        names["public"] = names["client"]
    if nat != "dnat":
        names["vip"] = names["server"]
    return {name: Address(text) for name, text in names.items()}


class Filler:
    """{fill:N}."""

    def __format__(self, spec):
        return "x" * int(spec)


# In tests/h323-messages, of the client, the server and the other host.
STAND_INS = {False: [ipaddress.ip_address("10.0.0.%d" % i).packed
                     for i in (1, 2, 3)],
             True: [ipaddress.ip_address("fd00::%d" % i).packed
                    for i in (1, 2, 3)]}
MESSAGES = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                        "../h323-messages")
# Whom a speaker means by these.
MEANT = {"c": ("client", "vip", "other"), "s": ("public", "server", "other")}


class Words:
    def __init__(self, ipv6, nat):
        self.ipv6 = ipv6
        self.nat = nat
        self.names = addresses(ipv6, nat)
        self.messages = {}
        self.texts = {}         # Messages that the script has.
        self.proto = ""

    def address(self, words):
        return self.text(words).decode()

    def text(self, words):
        """A Python string literal with names of addresses in it."""
        text = ast.literal_eval("'%s'" % words.replace("'", "\\'"))
        text = re.sub(r"\{(\w+)(:\w+)?\}", lambda m: m.group(0).format(
            fill=Filler(), length="{length}", proto=self.proto.upper(),
            **self.names), text)
        body = text.partition("\r\n\r\n")[2]
        return text.replace("{length}", str(len(body))).encode("latin-1")

    def payload(self, who, words):
        """The same, or "@NAME" and perhaps "[FROM:TO]", once or more."""
        if not words.startswith("@"):
            return self.text(words)
        return b"".join(self.message(who, word) for word in words.split())

    def message(self, who, word):
        name, *part = re.fullmatch(r"@([\w-]+)(?:\[(\d*):(\d*)\])?",
                                   word).groups()
        begin, end = (int(n) if n else None for n in part)
        if name in self.texts:
            return self.text(self.texts[name])[begin:end]
        if not self.messages:
            self.read_messages()
        meant = dict(zip(STAND_INS[self.ipv6],
                         (self.raw(n) for n in MEANT[who])))
        data = re.sub(b"|".join(map(re.escape, meant)),
                      lambda m: meant[m.group(0)], self.messages[name])
        return data[begin:end]

    def read_messages(self):
        suffix = "-6" if self.ipv6 else "-4"
        with open(MESSAGES) as lines:
            for line in lines:
                name, data = line.split()[:2]
                if name.endswith(suffix):
                    self.messages[name[:-2]] = bytes.fromhex(data)

    def raw(self, name):
        return ipaddress.ip_address(self.names[name]).packed

    def changes(self, before, after):
        """What became of addresses, and of the ports behind them, or all of
        it, if anything else has changed."""
        if before == after:
            return "as it was"
        names = {self.raw(n): n for n in reversed(list(self.names))}
        out, rest = [], after
        for m in re.finditer(b"|".join(map(re.escape, names)), before):
            begin, end = m.start(), m.end() + 2
            there = after[begin:end]
            if there != before[begin:end] and there[:-2] in names:
                out.append("%s is %s" % tuple(
                    "%s:%d" % (names[data[:-2]],
                               int.from_bytes(data[-2:], "big"))
                    for data in (before[begin:end], there)))
                rest = rest[:begin] + before[begin:end] + rest[end:]
        return ", ".join(out) if rest == before else repr(after)[1:]
