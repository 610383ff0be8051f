# SPDX-License-Identifier: Apache-2.0
"""What the applications have in common: switches come and go, the
configuration is read again, packets and errors arrive.

An application says which flows a switch should have (flows_for()), what
follows a new configuration (configured()) and what to do with packets
(packet_in()).  All changes of switches are made by one green thread, the
worker, one after the other.
"""

import logging
import os
import signal

from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import DEAD_DISPATCHER, MAIN_DISPATCHER
from os_ken.controller.handler import set_ev_cls
from os_ken.lib import hub
from os_ken.ofproto import ofproto_v1_4 as ofp

from . import config, switch

LOG = logging.getLogger('trackway')

# How often the file is looked at, in seconds.
WATCH_INTERVAL = 0.5


class Controller(app_manager.OSKenApp):
    """NUMBER: the upper 15 bits of the cookies; read: the file's reader."""
    OFP_VERSIONS = [ofp.OFP_VERSION]
    NUMBER = 0
    options = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.switches = {}
        self.settings = self.options.settings
        self.file_state = _file_state(self.options.config)
        self.reload_wanted = False
        self.work = hub.Queue()

    @staticmethod
    def read(path):
        raise NotImplementedError

    def start(self):
        signal.signal(signal.SIGHUP, self._hangup)
        self.threads.append(hub.spawn(self._worker))
        self.threads.append(hub.spawn(self._watch))
        return super().start()

    # For applications.

    def plan(self, ports):
        """(flows, groups, meters) for a switch with these ports."""
        raise NotImplementedError

    def settle(self):
        """self.settings are new, no switch knows yet."""

    def configured(self, old):
        """self.settings are new, the switches have the flows for them."""

    def connected(self, sw):
        """A switch has its flows."""

    def packet_in(self, sw, message):
        """A packet that a flow sent here."""

    def reconcile_all(self):
        for sw in list(self.switches.values()):
            self.later(self._reconcile, sw)

    def later(self, function, *args):
        """Called by the worker."""
        self.work.put((function, args))

    # The worker.

    def _worker(self):
        while True:
            function, args = self.work.get()
            try:
                function(*args)
            except switch.Refused as error:
                LOG.error('%s: %s', function.__name__, error)
            except Exception:
                LOG.exception('%s failed', function.__name__)

    def _reconcile(self, sw):
        if sw.datapath.id not in self.switches:
            return
        flows, groups, meters = self.plan(sw.ports())
        try:
            added, deleted = sw.reconcile(flows, groups, meters)
        except switch.Refused as error:
            LOG.error('switch %s refused the flows: %s', sw.name, error)
            return
        LOG.info('switch %s: %d flows kept, %d added, %d deleted', sw.name,
                 len(flows) - added, added, deleted)

    # The configuration.

    def _hangup(self, *_args):
        self.reload_wanted = True

    def _watch(self):
        """A signal handler may not do more than set a flag; this sees it."""
        while True:
            hub.sleep(WATCH_INTERVAL)
            state = _file_state(self.options.config)
            if self.reload_wanted or state not in (None, self.file_state):
                self.reload_wanted = False
                self.file_state = state
                self.later(self._reload)

    def _reload(self):
        try:
            settings = self.read(self.options.config)
        except config.ConfigError as error:
            LOG.error('%s', error)
            LOG.error('the configuration is refused, the old one stays')
            return
        old, self.settings = self.settings, settings
        self.settle()
        for sw in list(self.switches.values()):
            self._reconcile(sw)
        self.configured(old)
        LOG.info('configuration read again')

    # Switches.

    @set_ev_cls(ofp_event.EventOFPStateChange,
                [MAIN_DISPATCHER, DEAD_DISPATCHER])
    def _state_change(self, event):
        datapath = event.datapath
        if datapath.id is None:
            return
        if event.state == MAIN_DISPATCHER:
            sw = self.switches[datapath.id] = switch.Switch(datapath,
                                                            self.NUMBER)
            LOG.info('switch %s connected from %s', sw.name,
                     datapath.address[0] if datapath.address else '?')
            self.later(self._reconcile, sw)
            self.later(self.connected, sw)
        elif (datapath.id in self.switches and
              self.switches[datapath.id].datapath is datapath):
            LOG.warning('switch %s is gone',
                        self.switches.pop(datapath.id).name)

    @set_ev_cls(ofp_event.EventOFPPortStateChange, MAIN_DISPATCHER)
    def _port_change(self, event):
        sw = self.switches.get(event.datapath.id)
        if sw is not None and event.reason != ofp.OFPPR_MODIFY:
            self.later(self._reconcile, sw)

    # Messages.

    def _deliver(self, event):
        sw = self.switches.get(event.msg.datapath.id)
        return sw is not None and sw.deliver(event.msg)

    @set_ev_cls([ofp_event.EventOFPFlowStatsReply,
                 ofp_event.EventOFPGroupDescStatsReply,
                 ofp_event.EventOFPMeterConfigStatsReply,
                 ofp_event.EventOFPBundleCtrlMsg], MAIN_DISPATCHER)
    def _reply(self, event):
        self._deliver(event)

    @set_ev_cls(ofp_event.EventOFPErrorMsg, MAIN_DISPATCHER)
    def _error(self, event):
        if not self._deliver(event):
            LOG.error('switch refused message %#x: %s', event.msg.xid,
                      switch.error_text(event.msg))

    @set_ev_cls(ofp_event.EventOFPPacketIn, MAIN_DISPATCHER)
    def _packet_in(self, event):
        sw = self.switches.get(event.msg.datapath.id)
        if sw is not None:
            self.packet_in(sw, event.msg)


def _file_state(path):
    """Changes whenever the file does; None if there is none just now."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_ino, stat.st_size
