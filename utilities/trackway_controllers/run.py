# SPDX-License-Identifier: Apache-2.0
"""The command line, the listener with or without TLS, and the start.

Has to be imported before anything else that opens sockets: os-ken wants
eventlet's versions of the standard library.

Exit status: 0 after SIGTERM or SIGINT, 1 for a wrong configuration or if the
listener cannot be opened, 2 for wrong arguments.
"""

from os_ken.lib import hub
# Each call leaves alone what the other is for.
hub.patch(thread=False)
hub.patch(thread=True)

import argparse
import ipaddress
import logging
import os
import signal
import ssl
import sys

from os_ken import cfg
from os_ken.base.app_manager import AppManager
from os_ken.controller import controller, ofp_handler

from . import config

LOG = logging.getLogger('trackway')


def main(app, name, what, argv=None):
    """app: the Controller class; what: its one-line description."""
    options = parse(name, what, argv)
    start_log(options)
    try:
        options.settings = app.read(options.config)
        if options.check:
            print('%s: the configuration is good' % name)
            return 0
        server = Listener.open(options)
    except (config.ConfigError, OSError, ValueError) as error:
        print('%s: %s' % (name, error), file=sys.stderr)
        return 1
    app.options = options
    serve(app, server)
    return 0


def parse(name, what, argv):
    parser = argparse.ArgumentParser(prog=name, description=what, epilog='A \
bridge is given to it with "ovs-vsctl set-controller BRIDGE ssl:HOST:PORT", \
and should have fail_mode=secure.  SIGHUP, or a change of the file, has the \
configuration read again.')
    parser.add_argument('config', metavar='FILE',
                        help='configuration, YAML or JSON')
    parser.add_argument('--check', action='store_true',
                        help='only read FILE; tell what is wrong with it')
    parser.add_argument('--listen', metavar='HOST:PORT', type=address,
                        default=('127.0.0.1', 6653),
                        help='where bridges connect to '
                             '(default: 127.0.0.1:6653)')
    parser.add_argument('--private-key', metavar='FILE',
                        help="the controller's key, as ovs-pki makes it")
    parser.add_argument('--certificate', metavar='FILE',
                        help="the controller's certificate")
    parser.add_argument('--ca-cert', metavar='FILE',
                        help='who has to have signed the certificates of '
                             'bridges')
    parser.add_argument('--pidfile', metavar='FILE',
                        help='where to write the process id')
    parser.add_argument('--verbose', action='store_true',
                        help="log os-ken's messages as well")
    options = parser.parse_args(argv)
    tls = options.private_key, options.certificate, options.ca_cert
    if any(tls) and not all(tls):
        parser.error('--private-key, --certificate and --ca-cert go together')
    return options


def address(text):
    host, colon, port = text.rpartition(':')
    try:
        ipaddress.ip_address(host.strip('[]'))
        if colon and 1 <= int(port) <= 65535:
            return host.strip('[]'), int(port)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError('%r is no ADDRESS:PORT' % text)


def start_log(options):
    logging.basicConfig(
        stream=sys.stderr, format='%(asctime)s %(levelname)s %(message)s',
        level=logging.DEBUG if options.verbose else logging.WARNING)
    LOG.setLevel(logging.DEBUG if options.verbose else logging.INFO)


class Listener:
    """Takes the place of os-ken's, which accepts any TLS version and any peer
    unless told otherwise, and says nothing of one that it refuses."""

    def __init__(self, server, context):
        self.server = server
        self.context = context

    @classmethod
    def open(cls, options):
        context = tls_context(options) if options.private_key else None
        try:
            server = hub.listen(options.listen, family=(
                hub.socket.AF_INET6 if ':' in options.listen[0]
                else hub.socket.AF_INET))
        except OSError as error:
            raise OSError('cannot listen at %s port %d: %s' %
                          (*options.listen, error.strerror)) from None
        return cls(server, context)

    def __call__(self):
        while True:
            try:
                sock, peer = self.server.accept()
            except OSError as error:
                LOG.error('accept: %s', error)
                hub.sleep(1)
                continue
            hub.spawn(self._serve, sock, peer)

    def _serve(self, sock, peer):
        if self.context is not None:
            try:
                sock.settimeout(30)
                sock = self.context.wrap_socket(sock, server_side=True)
            except (ssl.SSLError, OSError) as error:
                LOG.error('refused %s port %d: %s', *peer[:2],
                          getattr(error, 'verify_message', None) or error)
                sock.close()
                return
        try:
            controller.datapath_connection_factory(sock, peer)
        except Exception as error:
            LOG.error('connection from %s port %d: %r', *peer[:2], error)


def tls_context(options):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for file in options.private_key, options.certificate, options.ca_cert:
        try:
            open(file, 'rb').close()
        except OSError as error:
            raise OSError('%s: %s' % (file, error.strerror)) from None
    try:
        context.load_cert_chain(options.certificate, options.private_key)
    except ssl.SSLError as error:
        raise OSError('%s and %s: %s' % (options.certificate,
                                         options.private_key,
                                         error)) from None
    try:
        context.load_verify_locations(options.ca_cert)
    except ssl.SSLError as error:
        raise OSError('%s: %s' % (options.ca_cert, error)) from None
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def serve(app, server):
    cfg.CONF(args=[], project='trackway')
    # A switch that does not answer three times is gone.
    cfg.CONF.set_override('maximum_unreplied_echo_requests', 3)
    ofp_handler.OpenFlowController = lambda: server
    manager = AppManager.get_instance()
    manager.load_apps(['os_ken.controller.ofp_handler', app.__module__])
    services = manager.instantiate_apps(**manager.create_contexts())
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    if app.options.pidfile:
        with open(app.options.pidfile, 'w', encoding='ascii') as file:
            file.write('%d\n' % os.getpid())
    LOG.info('ready, listening at %s port %d', *app.options.listen)
    hub.joinall(services)


def _end(*_args):
    """At once: the bridges keep their flows."""
    if Listener and LOG:
        LOG.info('ended')
    os._exit(0)
