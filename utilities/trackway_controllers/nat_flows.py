# SPDX-License-Identifier: Apache-2.0
"""Flows of a NAT gateway, a router between its networks.

Two zones of the tracker, so that one packet can have both its addresses
translated: SNAT, the first, has who goes out; DNAT, the next, what is
forwarded.  A packet goes through

ADMIT    ARP and discovery; packets to our Ethernet address (reg0: network)
UNSNAT   what comes to an address of ours may be a reply: zone SNAT
UNDNAT   what belongs to a forwarded connection, either way: zone DNAT
FORWARD  a new connection to a forwarded port: DNAT
LEAVE    from inside to somewhere else: SNAT
ROUTE    by destination: the network to leave by (reg2), or its router
SEND     by next hop: Ethernet address and port, which the controller learns

reg1 is 1 behind a reply that zone SNAT has translated back.
"""

import ipaddress

from . import neighbour, openflow
from .openflow import Flow

ADMIT, UNSNAT, UNDNAT, FORWARD, LEAVE, ROUTE, SEND = range(7)

METER = 0x746e
# reg2 of packets to a router outside: this and the version of IP.
ROUTER = 1000

HELPER_PORTS = {'ftp': ('tcp', 21), 'tftp': ('udp', 69)}
STATE = openflow.ct_state


def plan(gateway, ports):
    """(flows, groups, meters); ports: see Switch.ports()."""
    flows = []
    for network in (gateway.outside, *gateway.inside):
        port = ports.get(str(network.port))
        if port is not None:
            flows += admit(gateway, network, port.port_no)
    flows += track(gateway)
    flows += forwards(gateway)
    for network in gateway.inside:
        flows += leave(gateway, network)
    # What is forwarded passes zone SNAT in both directions or in none.
    flows += [Flow(LEAVE, 160, {'reg0': gateway.outside.number}, goto=ROUTE),
              Flow(LEAVE, 140, {'ct_state': STATE('+trk+dnat')}, goto=ROUTE)]
    flows += route(gateway)
    flows.append(Flow(SEND, 0, {}, [openflow.controller()], meter=METER))
    return flows, [], [openflow.Meter(METER, 200, 400)]


# To us.

def admit(gateway, network, port):
    ours = [ipaddress.ip_network(own.ip) for own in network.addresses]
    if network is gateway.outside:
        ours = gateway.public()
    flows = [neighbour.answers(ADMIT, 200, net, gateway.mac, in_port=port)
             for net in ours]
    flows += neighbour.to_controller(ADMIT, 200, gateway.mac, in_port=port)
    for version in 4, 6:
        flows.append(Flow(ADMIT, 100, openflow.ip(
            version, in_port=port, eth_dst=gateway.mac),
            [openflow.set_field(reg0=network.number)], goto=UNSNAT))
    return flows


def snat_addresses(gateway):
    """What connections out of zone SNAT have as their source."""
    nets = set(gateway.public())
    for network in gateway.inside:
        nets.update(ipaddress.ip_network(own.ip) for own in network.addresses)
    return sorted(nets, key=str)


def track(gateway):
    snat, dnat = gateway.ct_zone, gateway.ct_zone + 1
    flows = [Flow(UNSNAT, 100, openflow.ip(net.version, dst=net), [
        openflow.ct(snat, table=UNDNAT, actions=[openflow.nat()])])
        for net in snat_addresses(gateway)]
    onward = openflow.ct(dnat, table=FORWARD, actions=[openflow.nat()])
    reply = openflow.set_field(reg1=1)
    for version in 4, 6:
        flows += [
            Flow(UNSNAT, 0, openflow.ip(version), goto=UNDNAT),
            # From outside: zone DNAT knows nothing of it.
            Flow(UNDNAT, 120, openflow.ip(
                version, reg0=1, ct_state=STATE('+trk+new+rel-inv')), [
                    openflow.ct(snat, commit=True, table=ROUTE,
                                actions=[openflow.nat()])]),
            Flow(UNDNAT, 110, openflow.ip(
                version, reg0=1, ct_state=STATE('+trk-new-inv')), goto=ROUTE),
            # From inside: of a connection that comes back into its network.
            Flow(UNDNAT, 100, openflow.ip(
                version, ct_state=STATE('+trk+new+rel-inv')), [
                    openflow.ct(snat, commit=True, actions=[openflow.nat()]),
                    reply, onward]),
            Flow(UNDNAT, 90, openflow.ip(
                version, ct_state=STATE('+trk-new-inv')), [reply, onward]),
            Flow(UNDNAT, 0, openflow.ip(version), [onward]),
        ]
    return flows


def forwards(gateway):
    dnat = gateway.ct_zone + 1
    flows = [
        # From inside it may belong to zone SNAT, which has not seen it yet.
        Flow(FORWARD, 200, {'ct_state': STATE('+trk+inv'), 'reg0': 1}),
        Flow(FORWARD, 195, {'ct_state': STATE('+trk+inv')}, goto=LEAVE),
        # Of a connection that was forwarded: from its client, and to it.
        Flow(FORWARD, 190, {'ct_state': STATE('+trk-new-rpl-inv')},
             goto=LEAVE),
        Flow(FORWARD, 190, {'ct_state': STATE('+trk-new+rpl-inv')},
             goto=ROUTE),
        Flow(FORWARD, 186, {'ct_state': STATE('+trk+new'), 'reg1': 1},
             goto=ROUTE),
    ]
    for version in 4, 6:
        # What a helper announced: from a client, or from who is forwarded to.
        for priority, table, more in ((185, LEAVE, {'reg0': 1}),
                                      (180, ROUTE, {})):
            flows.append(Flow(FORWARD, priority, openflow.ip(
                version, ct_state=STATE('+trk+new+rel-inv'), **more), [
                    openflow.ct(dnat, commit=True, table=table,
                                actions=[openflow.nat()])]))
    for network in gateway.inside:
        flows.append(Flow(FORWARD, 100, {
            'ct_state': STATE('+trk+new-inv'), 'reg0': network.number},
                          goto=LEAVE))
    for forward in gateway.forwards:
        flows += forward_flows(gateway, forward)
    return flows


def forward_flows(gateway, forward):
    flows = []
    for offset in range(forward.ports[1] - forward.ports[0] + 1):
        port = forward.ports[0] + offset
        to = forward.to_ports[0] + offset
        helper = [name for name in gateway.helpers
                  if HELPER_PORTS[name] == (forward.protocol, to)]
        flows.append(Flow(FORWARD, 150, openflow.ip(
            forward.address.version,
            dst=ipaddress.ip_network(forward.address),
            ct_state=STATE('+trk+new-inv'),
            ip_proto=openflow.PROTOCOLS[forward.protocol],
            **{forward.protocol + '_dst': port}), [
                openflow.ct(gateway.ct_zone + 1, commit=True, table=LEAVE,
                            alg=helper[0] if helper else None, actions=[
                                openflow.nat_dst((forward.to, forward.to),
                                                 (to, to))])]))
    return flows


# Away from us.

def leave(gateway, network):
    """Between networks inside nothing is translated, but a connection that
    comes back into its own: else its replies would not pass here."""
    flows = []
    for own in network.addresses:
        flows.append(Flow(LEAVE, 150, openflow.ip(
            own.version, dst=own.network, reg0=network.number),
            [translate(gateway, (own.ip, own.ip), None, None)]))
    for other in gateway.inside:
        for own in other.addresses:
            flows.append(Flow(LEAVE, 100, openflow.ip(
                own.version, dst=own.network), [
                    openflow.ct(gateway.ct_zone, commit=True, table=ROUTE)]))
    for pool in network.pools:
        for name in gateway.helpers:
            protocol, port = HELPER_PORTS[name]
            flows.append(Flow(LEAVE, 60, openflow.ip(
                pool.version, reg0=network.number,
                ip_proto=openflow.PROTOCOLS[protocol],
                **{protocol + '_dst': port}),
                [translate(gateway, pool.addresses, pool.ports, name)]))
        flows.append(Flow(LEAVE, 50, openflow.ip(
            pool.version, reg0=network.number),
            [translate(gateway, pool.addresses, pool.ports, None)]))
    return flows


def translate(gateway, addresses, ports, helper):
    return openflow.ct(gateway.ct_zone, commit=True, table=ROUTE, alg=helper,
                       actions=[openflow.nat_src(addresses, ports)])


def route(gateway):
    flows = [Flow(ROUTE, 1000, {'ct_state': STATE('+trk+inv')})]
    for net in snat_addresses(gateway):
        # A packet that nothing was translated of: nobody is behind it.
        flows.append(Flow(ROUTE, 300 + net.prefixlen,
                          openflow.ip(net.version, dst=net)))
    for network in (gateway.outside, *gateway.inside):
        for own in network.addresses:
            flows.append(Flow(ROUTE, 100 + own.network.prefixlen, openflow.ip(
                own.version, dst=own.network),
                send(gateway, network.number), goto=SEND))
    for router in gateway.routers:
        flows.append(Flow(ROUTE, 10, openflow.ip(router.version),
                          send(gateway, ROUTER + router.version), goto=SEND))
    return flows


def send(gateway, where):
    return [openflow.set_field(reg2=where),
            openflow.set_field(eth_src=gateway.mac), openflow.dec_ttl()]


def next_hops(number, address, mac, port):
    """The flows for a neighbour.  A packet that came from its port goes back
    there only if that is said so."""
    match = openflow.ip(address.version, dst=ipaddress.ip_network(address),
                        reg2=number)
    to_mac = openflow.set_field(eth_dst=mac)
    return [Flow(SEND, 100, match, [to_mac, openflow.output(port)], idle=600),
            Flow(SEND, 110, dict(match, in_port=port),
                 [to_mac, openflow.in_port()], idle=600)]


def next_router(address, mac, port):
    return Flow(SEND, 100, openflow.ip(
        address.version, reg2=ROUTER + address.version),
        [openflow.set_field(eth_dst=mac), openflow.output(port)], idle=600)
