# SPDX-License-Identifier: Apache-2.0
"""A connected bridge: what it has, and what it should have.

reconcile() asks for the flows, groups and meters there are and sends the
difference in one atomic bundle, so that a packet meets the flows of before or
those of after, and a bridge that has all it should have is sent nothing.
Flows with the cookies of other applications stay.  So do those that a
controller adds as it goes with add_dynamic().

A green thread waits in request() until the reply is here; deliver() is called
where messages arrive.  Only one thread at a time may reconcile.
"""

import logging
import time

from os_ken.lib import hub
from os_ken.lib.dpid import dpid_to_str
from os_ken.ofproto import ofproto_v1_4 as ofp
from os_ken.ofproto import ofproto_v1_4_parser as parser

from . import openflow

LOG = logging.getLogger('trackway')

APP_SHIFT = 48
APP_MASK = 0xffff << APP_SHIFT
# Cookies of dynamic flows: the application, this bit, a number.
DYNAMIC = 1 << 63


class Refused(Exception):
    """The switch answered with an error, or not at all."""


class Switch:
    def __init__(self, datapath, app):
        self.datapath = datapath
        self.app = app
        self.name = dpid_to_str(datapath.id)
        self.waiting = {}
        self.since = time.monotonic()

    # Ports.

    def ports(self):
        """Number and MAC address of each port, by name and by number."""
        found = {}
        for port in list(self.datapath.ports.values()):
            name = port.name.decode(errors='replace').rstrip('\0')
            found[name] = found[str(port.port_no)] = port
        return found

    # Messages.

    def send(self, *messages):
        for message in messages:
            self.datapath.send_msg(message)

    def request(self, message, last=None):
        """Sends and returns the replies; last says which one ends them."""
        self.datapath.set_xid(message)
        queue = self.waiting[message.xid] = hub.Queue()
        try:
            self.datapath.send_msg(message)
            return self._replies(queue, last or _no_more)
        finally:
            del self.waiting[message.xid]

    def _replies(self, queue, last):
        replies = []
        while True:
            try:
                reply = queue.get(timeout=30)
            except hub.QueueEmpty:
                raise Refused('no reply') from None
            if isinstance(reply, parser.OFPErrorMsg):
                raise Refused(error_text(reply))
            replies.append(reply)
            if last(reply):
                return replies

    def deliver(self, message):
        """True if somebody waits for message."""
        queue = self.waiting.get(message.xid)
        if queue is not None:
            queue.put(message)
        return queue is not None

    def _stats(self, message):
        return [entry for reply in self.request(message)
                for entry in reply.body]

    # What is and what should be.

    def cookies(self):
        """Of all flows that this application did not add as it went."""
        stats = self._stats(parser.OFPFlowStatsRequest(
            self.datapath, 0, ofp.OFPTT_ALL, ofp.OFPP_ANY, ofp.OFPG_ANY,
            self.app << APP_SHIFT, APP_MASK, parser.OFPMatch()))
        return {flow.cookie for flow in stats}

    def groups(self):
        """Numbers of ours: the upper half is the application."""
        stats = self._stats(parser.OFPGroupDescStatsRequest(self.datapath, 0))
        return {group.group_id for group in stats
                if group.group_id >> 16 == self.app}

    def meters(self):
        stats = self._stats(parser.OFPMeterConfigStatsRequest(
            self.datapath, 0, ofp.OFPM_ALL))
        return {meter.meter_id for meter in stats}

    def reconcile(self, flows, groups=(), meters=()):
        """Returns how many flows were added and deleted."""
        wanted = {flow.cookie(self.app): flow for flow in flows}
        there = self.cookies()
        self._reconcile_meters(meters)
        added = [flow.add(self.datapath, cookie)
                 for cookie, flow in wanted.items() if cookie not in there]
        deleted = [openflow.delete_flow(self.datapath, cookie)
                   for cookie in there - wanted.keys()]
        first, last = self._group_changes(groups)
        if first or added or deleted or last:
            self.bundle([*first, *added, *deleted, *last])
        return len(added), len(deleted)

    def add_missing(self, flows):
        """As reconcile(), but what there is more stays."""
        there = self.cookies()
        added = [flow.add(self.datapath, flow.cookie(self.app))
                 for flow in flows if flow.cookie(self.app) not in there]
        if added:
            self.bundle(added)

    def _group_changes(self, groups):
        there = self.groups()
        first = [group.message(self.datapath, ofp.OFPGC_MODIFY
                               if group.number in there else ofp.OFPGC_ADD)
                 for group in groups]
        left = there - {group.number for group in groups}
        return first, [openflow.delete_group(self.datapath, number)
                       for number in left]

    def _reconcile_meters(self, meters):
        """Meters cannot be part of a bundle.  They are not deleted: that
        would delete other applications' flows."""
        there = self.meters() if meters else ()
        for meter in meters:
            self.send(meter.message(self.datapath, ofp.OFPMC_MODIFY
                                    if meter.number in there
                                    else ofp.OFPMC_ADD))

    def bundle(self, messages):
        """All of messages at once, or none of them."""
        flags = ofp.OFPBF_ATOMIC | ofp.OFPBF_ORDERED
        self._control(ofp.OFPBCT_OPEN_REQUEST, flags)
        try:
            self._fill_bundle(messages, flags)
            self._control(ofp.OFPBCT_COMMIT_REQUEST, flags)
        except Refused:
            self.send(self._control_message(ofp.OFPBCT_DISCARD_REQUEST, flags))
            raise

    def _fill_bundle(self, messages, flags):
        """A message is answered only if it is wrong, and before the bundle
        is closed."""
        errors, xids = hub.Queue(), {}
        try:
            for message in messages:
                add = parser.OFPBundleAddMsg(self.datapath, 1, flags, message,
                                             [])
                self.datapath.set_xid(add)
                xids[add.xid] = message
                self.waiting[add.xid] = errors
                self.send(add)
            self._control(ofp.OFPBCT_CLOSE_REQUEST, flags)
        finally:
            for xid in xids:
                del self.waiting[xid]
        if not errors.empty():
            error = errors.get()
            raise Refused('%s: %s' % (error_text(error), xids[error.xid]))

    def _control(self, kind, flags):
        self.request(self._control_message(kind, flags), lambda reply: True)

    def _control_message(self, kind, flags):
        return parser.OFPBundleCtrlMsg(self.datapath, 1, kind, flags, [])

    # Flows that come and go with traffic.

    def add_dynamic(self, flow, number):
        self.send(flow.add(self.datapath,
                           DYNAMIC | self.app << APP_SHIFT | number))


def _no_more(reply):
    return not reply.flags & ofp.OFPMPF_REPLY_MORE


def error_text(error):
    return 'error type %d code %d' % (error.type, error.code)
