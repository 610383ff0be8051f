# SPDX-License-Identifier: Apache-2.0
"""The firewall at work: flows, a log of what was denied, the end of
connections that a new policy forbids."""

import logging

from . import app, ct_flush, firewall_config, firewall_flows, packets

LOG = logging.getLogger('trackway')


class Firewall(app.Controller):
    NUMBER = 0x7466

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.what = {}

    @staticmethod
    def read(path):
        return firewall_config.read(path)

    def plan(self, ports):
        self.warn_of_missing(ports)
        plan = firewall_flows.plan(self.settings, ports)
        self.what = {flow.cookie(self.NUMBER): flow.what
                     for flow in plan[0] if flow.what}
        return plan

    def warn_of_missing(self, ports):
        for tenant in self.settings.tenants:
            for zone in tenant.zones.values():
                missing = [str(port) for port in zone.ports
                           if str(port) not in ports]
                if missing:
                    LOG.warning('zone %s of %s: no port %s yet', zone.name,
                                tenant.name, ', '.join(missing))

    def configured(self, old):
        """Connections of a tenant that is no more end all at once."""
        gone = ({tenant.ct_zone for tenant in old.tenants} -
                {tenant.ct_zone for tenant in self.settings.tenants})
        for sw in self.switches.values():
            sw.send(*[ct_flush.flush_zone(sw.datapath, zone)
                      for zone in gone])

    def packet_in(self, sw, message):
        what = self.what.get(message.cookie, 'older-policy')
        tuple_ = packets.tuple_of(message.data)
        registers = {name: message.match.get(name, 0)
                     for name in ('reg0', 'reg1', 'reg2')}
        tenant, source, destination = self.names(registers)
        if what == firewall_flows.ENDED and tuple_ and tenant:
            self.end(sw, tenant, tuple_)
        LOG.info('denied: %s tenant=%s from=%s to=%s port=%s %s', what,
                 tenant.name if tenant else '?', source, destination,
                 message.match.get('in_port', '?'),
                 tuple_.text() if tuple_ else 'unreadable packet')

    def names(self, registers):
        """Tenant, names of zones."""
        zones = {}
        found = None
        for tenant in self.settings.tenants:
            for zone in tenant.zones.values():
                zones[zone.number] = zone.name
                if registers['reg2'] == tenant.number:
                    found = tenant
        return (found, zones.get(registers['reg0'], '?'),
                zones.get(registers['reg1'], '?'))

    @staticmethod
    def end(sw, tenant, tuple_):
        """The packet may be of either direction of the connection."""
        for orig in (True, False):
            src, dst = ((tuple_.src, tuple_.dst) if orig else
                        (tuple_.dst, tuple_.src))
            ports = tuple_.ports or (None, None)
            ports = ports if orig else ports[::-1]
            sw.send(ct_flush.flush(
                sw.datapath, tenant.ct_zone, tuple_.proto,
                ct_flush.Tuple(src, dst, *ports)))
