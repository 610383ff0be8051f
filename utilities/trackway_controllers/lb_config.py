# SPDX-License-Identifier: Apache-2.0
"""The configuration of trackway-lb: virtual services, the back ends of each,
how their health is checked."""

import dataclasses
import hashlib

from . import config


@dataclasses.dataclass
class Check:
    """kind: tcp, http or none; times in seconds."""
    kind: str = 'tcp'
    port: int = None
    path: str = '/'
    interval: float = 2.0
    timeout: float = 1.0
    rise: int = 2
    fall: int = 3


@dataclasses.dataclass
class BackEnd:
    address: object
    port: int
    weight: int
    number: int = 0

    def __str__(self):
        return '%s port %d' % (self.address, self.port)

    @property
    def key(self):
        return self.address, self.port


@dataclasses.dataclass
class Service:
    name: str
    number: int
    address: object
    protocol: str
    port: int
    affinity: str
    on_down: str
    check: Check
    back_ends: list


@dataclasses.dataclass
class Balancer:
    ct_zone: int
    mac: str
    services: list


def read(path):
    return decode(config.read(path))


def decode(top):
    keys = top.keys(['services'], ['ct_zone', 'mac'])
    services = [decode_service(name, field, number) for number, (name, field)
                in enumerate(keys['services'].items(), 1)]
    if len(services) > 1000:
        keys['services'].fail('more than 1000')
    taken = {}
    for service in services:
        key = service.address, service.protocol, service.port
        if key in taken:
            keys['services'].fail('%s and %s have the same address, protocol '
                                  'and port', taken[key], service.name)
        taken[key] = service.name
    return Balancer(
        keys['ct_zone'].number(1, 65535) if 'ct_zone' in keys else 1,
        keys['mac'].mac() if 'mac' in keys else '02:74:77:6c:00:01', services)


def decode_service(name, field, number):
    keys = field.keys(['address', 'protocol', 'port', 'back_ends'],
                      ['affinity', 'on_down', 'check'])
    service = Service(
        name, number, keys['address'].address(),
        keys['protocol'].choice('tcp', 'udp'), keys['port'].number(1, 65535),
        keys['affinity'].choice('none', 'source') if 'affinity' in keys
        else 'none',
        keys['on_down'].choice('end', 'drain') if 'on_down' in keys else 'end',
        decode_check(keys.get('check')), [])
    if service.protocol == 'udp' and 'check' not in keys:
        field.fail('check is missing: UDP itself cannot be checked')
    seen = set()
    for back_end in keys['back_ends'].list():
        decoded = decode_back_end(back_end, service)
        if decoded.key in seen:
            back_end.fail('%s stands twice', decoded)
        seen.add(decoded.key)
        service.back_ends.append(decoded)
    if len(service.back_ends) > 200:
        keys['back_ends'].fail('more than 200')
    for back_end in service.back_ends:
        back_end.number = mark(service, back_end)
    return service


def mark(service, back_end):
    """Of connections: the same as long as the service has the back end."""
    text = '%s %s' % (service.name, back_end)
    digest = hashlib.blake2b(text.encode(), digest_size=4).digest()
    return int.from_bytes(digest, 'big') or 1


def decode_check(field):
    check = Check()
    if field is None:
        return check
    keys = field.keys(['type'], ['port', 'path', 'interval', 'timeout',
                                 'rise', 'fall'])
    check.kind = keys['type'].choice('tcp', 'http', 'none')
    for name, low, high, kind in (
            ('port', 1, 65535, int), ('interval', 0.1, 3600, float),
            ('timeout', 0.1, 60, float), ('rise', 1, 100, int),
            ('fall', 1, 100, int)):
        if name in keys:
            setattr(check, name, keys[name].number(low, high, kind))
    if 'path' in keys:
        check.path = keys['path'].text()
        if (not check.path.startswith('/') or
                not check.path.isprintable() or ' ' in check.path):
            keys['path'].fail('%r is no path', check.path)
        if check.kind != 'http':
            keys['path'].fail('only with type http')
    return check


def decode_back_end(field, service):
    keys = field.keys(['address'], ['port', 'weight'])
    address = keys['address'].address()
    if address.version != service.address.version:
        keys['address'].fail('%s and %s are not of one version', address,
                             service.address)
    return BackEnd(
        address,
        keys['port'].number(1, 65535) if 'port' in keys else service.port,
        keys['weight'].number(0, 1000) if 'weight' in keys else 1)
