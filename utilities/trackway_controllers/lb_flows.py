# SPDX-License-Identifier: Apache-2.0
"""Flows of a load balancer on a switch.

Clients, back ends and the virtual addresses are on one bridge, which forwards
as a switch does it.  A packet goes through

ADMIT   ARP and discovery; to a virtual service (reg0) or not: ct()
STATE   an established connection is translated, and finds its back end by the
        mark; a new one to a service gets one of a select group, or of slots
SLOTS   with affinity: a hash of the source address says which slot (reg1),
        a slot who has it
SEND    by mark: the Ethernet address of the back end

A connection's mark is the number of its back end.
"""

import hashlib
import ipaddress
import math

from os_ken.ofproto import nicira_ext

from . import neighbour, openflow
from .openflow import Flow

ADMIT, STATE, SLOTS, SEND = range(4)

SLOT_COUNT = 128
HASH_SOURCE = 4          # NX_HASH_FIELDS_NW_SRC, which os-ken lacks.
TRACKED = openflow.ct_state


def base(balancer):
    """What does not depend on the health of anybody."""
    flows = [Flow(ADMIT, 0, {}, [openflow.normal()]),
             Flow(STATE, 10, {}, [openflow.normal()])]
    for address in sorted({service.address for service in balancer.services},
                          key=str):
        flows.append(neighbour.answers(
            ADMIT, 200, ipaddress.ip_network(address), balancer.mac))
    flows += neighbour.to_controller(ADMIT, 200, balancer.mac)
    for version in 4, 6:
        flows.append(Flow(ADMIT, 50, openflow.ip(version), [
            openflow.ct(balancer.ct_zone, table=STATE,
                        actions=[openflow.nat()])]))
    for service in balancer.services:
        flows += service_flows(balancer, service)
    return flows


def service_flows(balancer, service):
    number = service.number
    match = openflow.ip(
        service.address.version, dst=ipaddress.ip_network(service.address),
        ip_proto=openflow.PROTOCOLS[service.protocol],
        **{service.protocol + '_dst': service.port})
    return [
        Flow(ADMIT, 100, match, [
            openflow.set_field(reg0=number),
            openflow.ct(balancer.ct_zone, table=STATE,
                        actions=[openflow.nat()])]),
        Flow(STATE, 90, {'reg0': number, 'ct_state': TRACKED('+trk+inv')}),
        Flow(STATE, 80, {'reg0': number,
                         'ct_state': TRACKED('+trk-new-inv')}, goto=SEND),
        # A mark of none: its back end is no more.
        Flow(SEND, 0, {}),
    ]


def select_flow(service, group):
    """New connections, without affinity."""
    return Flow(STATE, 70, new(service), [openflow.group(group)])


def new(service):
    return openflow.ip(service.address.version, reg0=service.number,
                       ct_state=TRACKED('+trk+new-inv'))


def group(balancer, service, number, chosen):
    return openflow.Group(number, [
        (back_end.weight, [assign(balancer, back_end)])
        for back_end in chosen])


def assign(balancer, back_end):
    """A new connection becomes one to back_end."""
    return openflow.ct(
        balancer.ct_zone, table=SEND, commit=True, actions=[
            openflow.nat_dst((back_end.address, back_end.address),
                             (back_end.port, back_end.port)),
            openflow.set_field(ct_mark=back_end.number)])


def slot_flows(balancer, service, chosen):
    """New connections, with affinity by source."""
    hashed = openflow.parser.NXActionMultipath(
        fields=HASH_SOURCE, basis=service.number & 0xffff,
        algorithm=nicira_ext.NX_MP_ALG_MODULO_N, max_link=SLOT_COUNT - 1,
        arg=0, ofs_nbits=nicira_ext.ofs_nbits(0, 31), dst='reg1')
    flows = [Flow(STATE, 70, new(service), [hashed], goto=SLOTS)]
    for slot in range(SLOT_COUNT if chosen else 0):
        flows.append(Flow(SLOTS, 100, openflow.ip(
            service.address.version, reg0=service.number, reg1=slot),
            [assign(balancer, owner(slot, chosen))]))
    return flows


def owner(slot, chosen):
    """By weighted rendezvous: of a back end that goes only its own slots get
    others, and one that comes takes only what will be its own."""
    def score(back_end):
        text = '%d %s' % (slot, back_end)
        digest = hashlib.blake2b(text.encode(), digest_size=6).digest()
        share = (int.from_bytes(digest, 'big') + 1) / (2 ** 48 + 2)
        return back_end.weight / -math.log(share)
    return max(chosen, key=score)


def send(service, back_end, mac):
    return Flow(SEND, 100, openflow.ip(
        service.address.version, reg0=service.number,
        ct_mark=back_end.number),
        [openflow.set_field(eth_dst=mac), openflow.normal()])
