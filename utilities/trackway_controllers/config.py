# SPDX-License-Identifier: Apache-2.0
"""Reads a configuration file, YAML or JSON (which is YAML, too).

A Field is one value of the file.  What it is asked for it checks: a value that
is not of that kind raises ConfigError, whose text begins with file, line and
the way to the field, as in

    policy.yaml:7: rules[2].protocol: 'tpc' is none of tcp, udp, icmp

Nothing is silently ignored: keys that nobody asked for are errors as well, and
so are keys that stand twice.
"""

import ipaddress
import re

import yaml

from . import ranges


class ConfigError(Exception):
    """The file is not what it should be."""


def read(path):
    """The file's Field; its top level is a mapping."""
    try:
        with open(path, encoding='utf-8') as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError('%s: %s' % (path, getattr(error, 'strerror', None)
                                      or error)) from None
    return parse(path, text)


def parse(path, text):
    try:
        node = yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError('%s:%d: %s' % (path, mark.line + 1,
                                         error.problem)) from None
    except yaml.YAMLError as error:
        raise ConfigError('%s: %s' % (path, error)) from None
    if node is None:
        raise ConfigError('%s:1: the file is empty' % path)
    return Field(path, node, '')


class Field:
    def __init__(self, file, node, path):
        self.file = file
        self.node = node
        self.path = path

    def fail(self, why, *args):
        where = '%s:%d: ' % (self.file, self.node.start_mark.line + 1)
        if self.path:
            where += self.path + ': '
        raise ConfigError(where + (why % args if args else why))

    # Mappings and lists.

    def items(self):
        """Of a mapping with names of the user's: pairs of name and Field."""
        if not isinstance(self.node, yaml.MappingNode):
            self.fail('should be a mapping')
        found = {}
        for key, value in self.node.value:
            name = getattr(key, 'value', None)
            path = '%s.%s' % (self.path, name) if self.path else str(name)
            field = Field(self.file, value, path)
            if not isinstance(key, yaml.ScalarNode) or not name:
                self.fail('has a key that is no word')
            if name in found:
                Field(self.file, key, path).fail('stands twice')
            found[name] = field
        return list(found.items())

    def keys(self, required=(), optional=()):
        """Of a mapping with these keys: a dictionary of Fields."""
        found = dict(self.items())
        for name, field in found.items():
            if name not in required and name not in optional:
                field.fail('unknown key; known are %s',
                           ', '.join((*required, *optional)))
        for name in required:
            if name not in found:
                self.fail('%s is missing', name)
        return found

    def list(self):
        """Fields of a list; one value is a list of one."""
        if not isinstance(self.node, yaml.SequenceNode):
            return [self]
        return [Field(self.file, node, '%s[%d]' % (self.path, i))
                for i, node in enumerate(self.node.value)]

    # Scalars.

    def text(self):
        if not isinstance(self.node, yaml.ScalarNode):
            self.fail('should be one value')
        if not self.node.value:
            self.fail('is empty')
        return self.node.value

    def name(self):
        text = self.text()
        if not re.fullmatch(r'[\w.@-]{1,64}', text):
            self.fail('%r is no name: letters, digits, . _ - @', text)
        return text

    def choice(self, *words):
        text = self.text()
        if text not in words:
            self.fail('%r is none of %s', text, ', '.join(words))
        return text

    def boolean(self):
        return self.choice('true', 'false') == 'true'

    def number(self, low, high, kind=int):
        text = self.text()
        try:
            value = kind(text)
        except ValueError:
            self.fail('%r is no number', text)
        if not low <= value <= high:
            self.fail('%s is not in %s..%s', text, low, high)
        return value

    def port_range(self):
        """(80, 80) or (8000, 8100)."""
        text = self.text()
        match = re.fullmatch(r'(\d{1,5})(?:-(\d{1,5}))?', text)
        if not match:
            self.fail('%r is no port or range of ports', text)
        low = int(match[1])
        high = int(match[2] or match[1])
        if not 1 <= low <= high <= 65535:
            self.fail('%s is not an ascending range in 1..65535', text)
        return low, high

    def of_port(self):
        """An OpenFlow port: a number, or the name of an interface."""
        text = self.text()
        if text.isdigit():
            return self.number(1, 0xfffffffe)
        return self.name()

    def _ip(self, kind, what):
        text = self.text()
        try:
            return kind(text)
        except ValueError as error:
            self.fail('%r is no %s (%s)', text, what, error)

    def address(self):
        return self._ip(ipaddress.ip_address, 'address')

    def network(self):
        return self._ip(ipaddress.ip_network, 'prefix')

    def interface(self):
        """An address with the length of its network's prefix."""
        if '/' not in self.text():
            self.fail('%r has no prefix length', self.text())
        return self._ip(ipaddress.ip_interface, 'address with length')

    def address_range(self):
        """One address, or first-last."""
        return self._ip(ranges.addresses, 'address or range of addresses')

    def mac(self):
        text = self.text().lower()
        if not re.fullmatch(r'([0-9a-f]{2}:){5}[0-9a-f]{2}', text):
            self.fail('%r is no Ethernet address', text)
        if int(text[:2], 16) & 1:
            self.fail('%s is a multicast address', text)
        return text
