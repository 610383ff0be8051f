# SPDX-License-Identifier: Apache-2.0
"""The load balancer at work: flows, the health of the back ends, their
Ethernet addresses, the end of connections to those that are down."""

import logging
import time

from os_ken.lib import hub
from os_ken.ofproto import ofproto_v1_4 as ofp
from os_ken.ofproto import ofproto_v1_4_parser as parser

from . import app, ct_flush, health, lb_config, lb_flows, neighbour, openflow

LOG = logging.getLogger('trackway')

# Seconds: between questions for an Ethernet address that is not known, for
# one that is, and how long a switch that connects keeps what it has while
# nobody is known.
ASK, ASK_AGAIN, PATIENCE = 1, 30, 15


class Balancer(app.Controller):
    NUMBER = 0x746c

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.macs = {}
        self.asked = {}
        self.watchers = {}

    @staticmethod
    def read(path):
        return lb_config.read(path)

    def start(self):
        self.watch_all()
        self.threads.append(hub.spawn(self._ask))
        return super().start()

    # Flows.

    def plan(self, ports):
        flows, groups = lb_flows.base(self.settings), []
        for service in self.settings.services:
            chosen = [back_end for back_end in service.back_ends
                      if back_end.weight and self.usable(service, back_end)]
            if service.affinity == 'source':
                flows += lb_flows.slot_flows(self.settings, service, chosen)
            else:
                number = self.NUMBER << 16 | service.number
                groups.append(lb_flows.group(self.settings, service, number,
                                             chosen))
                flows.append(lb_flows.select_flow(service, number))
        return flows, groups, []

    def _reconcile(self, sw):
        """A switch may still have the flows of before this controller came:
        those stay until it knows better."""
        if not self.informed(sw):
            sw.add_missing(lb_flows.base(self.settings))
            hub.spawn_after(0.5, self.later, self._reconcile, sw)
            return
        super()._reconcile(sw)
        for service in self.settings.services:
            for back_end in service.back_ends:
                self.write_back_end(sw, service, back_end)

    def informed(self, sw):
        """All back ends are known to be down or how to reach."""
        if time.monotonic() > sw.since + PATIENCE:
            return True
        return all(self.watcher(service, back_end).verdict.up is False or
                   self.usable(service, back_end)
                   for service in self.settings.services
                   for back_end in service.back_ends)

    def usable(self, service, back_end):
        return (self.watcher(service, back_end).up() and
                back_end.address in self.macs)

    def write_back_end(self, sw, service, back_end):
        mac = self.macs.get(back_end.address)
        if mac is not None:
            sw.add_dynamic(lb_flows.send(service, back_end, mac),
                           back_end.number)

    # Health.

    def watcher(self, service, back_end):
        return self.watchers[service.name, back_end.key]

    def watch_all(self):
        """Who is new is watched, who is no more is not; who stays the same
        keeps his verdict."""
        wanted = {(service.name, back_end.key): (service, back_end)
                  for service in self.settings.services
                  for back_end in service.back_ends}
        for key in set(self.watchers) - wanted.keys():
            self.watchers.pop(key).stop()
        for key, (service, back_end) in wanted.items():
            old = self.watchers.get(key)
            if old is not None and old.service.check == service.check:
                old.service, old.back_end = service, back_end
                continue
            if old is not None:
                old.stop()
            self.watchers[key] = health.Watcher(service, back_end,
                                                self.health_changed)

    def health_changed(self, watcher):
        self.reconcile_all()
        if not watcher.up() and watcher.service.on_down == 'end':
            self.later(self.end, watcher.service, watcher.back_end)

    def end(self, service, back_end):
        """The connections of one service with one back end."""
        for sw in self.switches.values():
            sw.send(ct_flush.flush(
                sw.datapath, self.settings.ct_zone,
                openflow.PROTOCOLS[service.protocol],
                ct_flush.Tuple(dst=service.address, dst_port=service.port),
                ct_flush.Tuple(src=back_end.address,
                               src_port=back_end.port)))

    def configured(self, old):
        there = {(service.name, back_end.key)
                 for service in self.settings.services
                 for back_end in service.back_ends}
        for service in old.services:
            for back_end in service.back_ends:
                if ((service.name, back_end.key) not in there and
                        service.on_down == 'end'):
                    self.end(service, back_end)

    def settle(self):
        for sw in self.switches.values():
            sw.since = time.monotonic()
        self.watch_all()

    # Ethernet addresses.

    def _ask(self):
        while True:
            for service in self.settings.services:
                for back_end in service.back_ends:
                    self.ask(service, back_end.address)
            hub.sleep(ASK)

    def ask(self, service, address):
        now = time.monotonic()
        pause = ASK_AGAIN if address in self.macs else ASK
        if now < self.asked.get(address, 0) + pause:
            return
        data = neighbour.request(address, service.address, self.settings.mac)
        for sw in list(self.switches.values()):
            self.asked[address] = now
            sw.send(parser.OFPPacketOut(
                sw.datapath, ofp.OFP_NO_BUFFER, ofp.OFPP_CONTROLLER,
                [openflow.output(ofp.OFPP_FLOOD)], data))

    def packet_in(self, sw, message):
        said, question = neighbour.sender(message.data)
        if question is not None:
            sw.send(parser.OFPPacketOut(
                sw.datapath, ofp.OFP_NO_BUFFER, ofp.OFPP_CONTROLLER,
                [openflow.output(message.match['in_port'])],
                neighbour.advertisement(question, self.settings.mac)))
        if said is not None:
            self.learn(*said)

    def learn(self, address, mac):
        known = {back_end.address for service in self.settings.services
                 for back_end in service.back_ends}
        if address in known and self.macs.get(address) != mac:
            LOG.info('back end %s has Ethernet address %s', address, mac)
            self.macs[address] = mac
            self.reconcile_all()
