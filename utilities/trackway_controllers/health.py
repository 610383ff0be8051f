# SPDX-License-Identifier: Apache-2.0
"""Health checks: one green thread for each back end.

A check is a connection from the controller's host.  After `fall' checks in a
row that failed a back end is down, after `rise' that succeeded up again.  The
first check decides at once.
"""

import http.client
import logging
import random
import socket

from os_ken.lib import hub

LOG = logging.getLogger('trackway')


class Verdict:
    """The state machine, without clock and network.  up is None at first."""

    def __init__(self, check):
        self.check = check
        self.up = None
        self.streak = 0

    def saw(self, good):
        """True if this changed the verdict."""
        if self.up is None:
            self.up, self.streak = good, 0
            return True
        if good == self.up:
            self.streak = 0
            return False
        self.streak += 1
        if self.streak < (self.check.rise if good else self.check.fall):
            return False
        self.up, self.streak = good, 0
        return True


class Watcher:
    """changed(): called in the thread whenever the verdict is another."""

    def __init__(self, service, back_end, changed):
        self.service = service
        self.back_end = back_end
        self.verdict = Verdict(service.check)
        self.changed = changed
        self.thread = hub.spawn(self._run)

    def up(self):
        return bool(self.verdict.up)

    def stop(self):
        hub.kill(self.thread)

    def _run(self):
        check = self.service.check
        if check.kind == 'none':
            self.verdict.saw(True)
            self.changed(self)
            return
        # Not all at once.
        hub.sleep(random.uniform(0, min(check.interval, 0.2)))
        while True:
            error = probe(check, str(self.back_end.address),
                          check.port or self.back_end.port)
            if self.verdict.saw(error is None):
                LOG.info('service %s: back end %s is %s', self.service.name,
                         self.back_end, 'down: %s' % error if error else 'up')
                self.changed(self)
            hub.sleep(check.interval)


def probe(check, address, port):
    """None, or what is wrong."""
    try:
        if check.kind == 'tcp':
            socket.create_connection((address, port), check.timeout).close()
            return None
        return probe_http(check, address, port)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return str(error) or type(error).__name__


def probe_http(check, address, port):
    """A status of 200 to 399, within the timeout as a whole."""
    connection = http.client.HTTPConnection(address, port,
                                            timeout=check.timeout)
    try:
        with hub.Timeout(check.timeout * 2, OSError('timed out')):
            connection.request('GET', check.path,
                               headers={'User-Agent': 'trackway-lb'})
            status = connection.getresponse().status
    finally:
        connection.close()
    return None if 200 <= status < 400 else 'status %d' % status
