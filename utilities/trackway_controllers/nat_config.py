# SPDX-License-Identifier: Apache-2.0
"""The configuration of trackway-nat: one network outside, networks inside,
who gets which address, what is forwarded to whom."""

import dataclasses
import ipaddress

from . import config

HELPERS = ('ftp', 'tftp')


@dataclasses.dataclass
class Network:
    """addresses: interfaces, the gateway's own in this network."""
    name: str
    number: int
    port: object
    addresses: list
    pools: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Pool:
    addresses: tuple
    ports: tuple            # None: any.

    @property
    def version(self):
        return self.addresses[0].version


@dataclasses.dataclass
class Forward:
    name: str
    address: object
    protocol: str
    ports: tuple
    to: object
    to_ports: tuple


@dataclasses.dataclass
class Gateway:
    ct_zone: int
    mac: str
    outside: Network
    routers: list
    inside: list
    forwards: list
    helpers: list

    def public(self):
        """Networks whose addresses the gateway answers for outside."""
        ranges = [pool.addresses for network in self.inside
                  for pool in network.pools]
        ranges += [(forward.address, forward.address)
                   for forward in self.forwards]
        ranges += [(own.ip, own.ip) for own in self.outside.addresses]
        found = set()
        for first, last in ranges:
            found.update(ipaddress.summarize_address_range(first, last))
        return sorted(found, key=lambda net: (net.version, net))


def read(path):
    return decode(config.read(path))


def decode(top):
    keys = top.keys(['outside', 'inside'],
                    ['ct_zone', 'mac', 'forwards', 'helpers'])
    outside, routers = decode_outside(keys['outside'])
    inside = [decode_inside(name, field, number) for number, (name, field)
              in enumerate(keys['inside'].items(), 2)]
    gateway = Gateway(
        ct_zone=keys['ct_zone'].number(1, 65534) if 'ct_zone' in keys else 1,
        mac=keys['mac'].mac() if 'mac' in keys else '02:74:77:6e:00:01',
        outside=outside, routers=routers, inside=inside,
        forwards=[decode_forward(name, field)
                  for name, field in keys['forwards'].items()]
        if 'forwards' in keys else [],
        helpers=[field.choice(*HELPERS) for field in keys['helpers'].list()]
        if 'helpers' in keys else [])
    check_networks(top, gateway)
    check_forwards(keys.get('forwards'), gateway)
    return gateway


def decode_outside(field):
    keys = field.keys(['port', 'addresses'], ['routers'])
    network = Network('outside', 1, keys['port'].of_port(),
                      [own.interface() for own in keys['addresses'].list()])
    routers = []
    for router in keys['routers'].list() if 'routers' in keys else []:
        address = router.address()
        if not any(address in own.network for own in network.addresses):
            router.fail('%s is in none of the networks outside', address)
        if address.version in [other.version for other in routers]:
            router.fail('a second router for IPv%d', address.version)
        routers.append(address)
    return network, routers


def decode_inside(name, field, number):
    keys = field.keys(['port', 'addresses', 'snat'])
    network = Network(name, number, keys['port'].of_port(),
                      [own.interface() for own in keys['addresses'].list()])
    for pool in keys['snat'].list():
        network.pools.append(decode_pool(pool))
        if [p.version for p in network.pools].count(
                network.pools[-1].version) > 1:
            pool.fail('a second pool for IPv%d', network.pools[-1].version)
    return network


def decode_pool(field):
    keys = field.keys(['pool'], ['ports'])
    first, last = keys['pool'].address_range()
    if int(last) - int(first) > 4095:
        keys['pool'].fail('more than 4096 addresses')
    return Pool((first, last),
                keys['ports'].port_range() if 'ports' in keys else None)


def decode_forward(name, field):
    keys = field.keys(['address', 'protocol', 'ports', 'to'], ['to_ports'])
    forward = Forward(name, keys['address'].address(),
                      keys['protocol'].choice('tcp', 'udp', 'sctp'),
                      keys['ports'].port_range(), keys['to'].address(), None)
    forward.to_ports = (keys['to_ports'].port_range() if 'to_ports' in keys
                        else forward.ports)
    if forward.to.version != forward.address.version:
        keys['to'].fail('%s and %s are not of one version', forward.to,
                        forward.address)
    low, high = forward.ports
    if forward.to_ports[1] - forward.to_ports[0] != high - low:
        keys['to_ports'].fail('should be as many as ports')
    if high - low > 255:
        keys['ports'].fail('more than 256')
    return forward


def check_networks(top, gateway):
    ports, networks = {}, {}
    for network in [gateway.outside, *gateway.inside]:
        if network.port in ports:
            top.fail('%s and %s both have port %s', ports[network.port],
                     network.name, network.port)
        ports[network.port] = network.name
        for own in network.addresses:
            for other, name in networks.items():
                if (other.version == own.version and
                        other.overlaps(own.network)):
                    top.fail('%s of %s and %s of %s overlap', own.network,
                             network.name, other, name)
        networks.update({own.network: network.name
                         for own in network.addresses})


def check_forwards(field, gateway):
    taken = {}
    for forward in gateway.forwards:
        if not any(forward.to in own.network for network in gateway.inside
                   for own in network.addresses):
            field.fail('%s: %s is in no network inside', forward.name,
                       forward.to)
        for port in range(forward.ports[0], forward.ports[1] + 1):
            key = forward.address, forward.protocol, port
            if key in taken:
                field.fail('%s and %s both forward %s port %d of %s',
                           taken[key], forward.name, forward.protocol, port,
                           forward.address)
            taken[key] = forward.name
