# SPDX-License-Identifier: Apache-2.0
"""The NAT gateway at work: flows, its neighbours' Ethernet addresses, the end
of connections that the configuration no longer has."""

import collections
import ipaddress
import logging
import time

from os_ken.ofproto import ofproto_v1_4 as ofp
from os_ken.ofproto import ofproto_v1_4_parser as parser

from . import app, ct_flush, nat_config, nat_flows, neighbour, openflow
from . import packets, switch

LOG = logging.getLogger('trackway')

# Packets that wait for one neighbour, and neighbours that are waited for.
MAX_WAITING, MAX_ASKED = 8, 256
# A neighbour that says again who it is is written again after so long.
REFRESH = 60


class Gateway(app.Controller):
    NUMBER = 0x746e

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.known = {}
        self.waiting = collections.OrderedDict()

    @staticmethod
    def read(path):
        return nat_config.read(path)

    def plan(self, ports):
        for network in self.networks():
            if str(network.port) not in ports:
                LOG.warning('network %s: no port %s yet', network.name,
                            network.port)
        return nat_flows.plan(self.settings, ports)

    def networks(self):
        return [self.settings.outside, *self.settings.inside]

    def configured(self, old):
        self.known.clear()
        for sw in self.switches.values():
            if self.networks() != [old.outside, *old.inside]:
                sw.send(openflow.delete_flow(
                    sw.datapath,
                    switch.DYNAMIC | self.NUMBER << switch.APP_SHIFT,
                    switch.APP_MASK))
            sw.send(*self.endings(sw, old))

    def endings(self, sw, old):
        """Of forwarded connections, and of those with an address that is no
        longer ours."""
        zone = old.ct_zone
        for forward in old.forwards:
            if forward not in self.settings.forwards:
                proto = openflow.PROTOCOLS[forward.protocol]
                for port in range(forward.ports[0], forward.ports[1] + 1):
                    yield ct_flush.flush(
                        sw.datapath, zone + 1, proto,
                        ct_flush.Tuple(dst=forward.address, dst_port=port))
        for address in addresses(old) - addresses(self.settings):
            yield ct_flush.flush(sw.datapath, zone, 0,
                                 reply=ct_flush.Tuple(dst=address))

    # Neighbours.

    def packet_in(self, sw, message):
        if message.table_id == nat_flows.SEND:
            self.resolve(sw, message)
            return
        port = message.match['in_port']
        said, question = neighbour.sender(message.data)
        if said is not None:
            self.learn(sw, port, *said)
        if question is not None:
            self.transmit(sw, port, neighbour.advertisement(
                question, self.settings.mac))

    def network_at(self, sw, port):
        ports = sw.ports()
        for network in self.networks():
            if (str(network.port) in ports and
                    ports[str(network.port)].port_no == port):
                return network
        return None

    def learn(self, sw, port, address, mac):
        network = self.network_at(sw, port)
        if network is None or not any(address in own.network
                                      for own in network.addresses):
            return
        key = sw.datapath.id, address
        now = time.monotonic()
        known, since = self.known.get(key, (None, 0))
        if known != (mac, port) or now > since + REFRESH:
            self.known[key] = (mac, port), now
            self.write_neighbour(sw, network, port, address, mac)
        # A packet-out has no port of arrival, so that it may go to any.
        for data in self.waiting.pop(key, (None, []))[1]:
            self.transmit(sw, port, with_destination(data, mac))

    def write_neighbour(self, sw, network, port, address, mac):
        number = int(address) & 0xffffffff
        for flow in nat_flows.next_hops(network.number, address, mac, port):
            sw.add_dynamic(flow, number)
        if address in self.settings.routers:
            sw.add_dynamic(nat_flows.next_router(address, mac, port), number)

    def resolve(self, sw, message):
        """A translated packet whose next hop is not known: it waits."""
        where = message.match.get('reg2', 0)
        found = self.next_hop(where, message.data)
        if found is None:
            return
        network, address = found
        port = sw.ports().get(str(network.port))
        own = [own.ip for own in network.addresses if address in own.network]
        if port is None or not own:
            return
        self.wait(sw, address, message.data)
        self.transmit(sw, port.port_no, neighbour.request(
            address, own[0], self.settings.mac))

    def next_hop(self, where, data):
        """(network, address)"""
        if where > nat_flows.ROUTER:
            for router in self.settings.routers:
                if router.version == where - nat_flows.ROUTER:
                    return self.settings.outside, router
        tuple_ = packets.tuple_of(data)
        for network in self.networks():
            if network.number == where and tuple_ is not None:
                return network, ipaddress.ip_address(tuple_.dst)
        return None

    def wait(self, sw, address, data):
        """The oldest give way."""
        key = sw.datapath.id, address
        now = time.monotonic()
        since, queue = self.waiting.pop(key, (now, []))
        if now > since + 3:
            since, queue = now, []
        if len(queue) < MAX_WAITING:
            queue.append(data)
        self.waiting[key] = since, queue
        if len(self.waiting) > MAX_ASKED:
            self.waiting.popitem(last=False)

    @staticmethod
    def transmit(sw, port, data):
        sw.send(parser.OFPPacketOut(
            sw.datapath, ofp.OFP_NO_BUFFER, ofp.OFPP_CONTROLLER,
            [openflow.output(port)], data))


def addresses(gateway):
    """Of all pools, IPv4 and IPv6."""
    found = set()
    for network in gateway.inside:
        for pool in network.pools:
            first, last = pool.addresses
            found.update(first + i for i in range(int(last) - int(first) + 1))
    return found


def with_destination(data, mac):
    return bytes.fromhex(mac.replace(':', '')) + data[6:]
