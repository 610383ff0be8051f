# SPDX-License-Identifier: Apache-2.0
"""A database, a daemon in a network namespace of its own, commands to it.

Everything lives in a private directory and dies with this process.
"""

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import time

from . import figures

PROGRAMS = ('ovsdb-tool', 'ovsdb-server', 'ovs-vswitchd', 'ovs-vsctl',
            'ovs-ofctl')

# The daemon's packet threads, by the names that the kernel knows.
THREAD_NAMES = {'netdev': 'pmd-c', 'trackway': 'tw-c'}

PR_SET_PDEATHSIG = 1

# A dump of millions of connections takes a while.
ANSWER_SECONDS = 600


class Error(Exception):
    """What the user has to know."""


def poll(seconds, ready, what):
    """Asks until 'ready' returns something true, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        result = ready()
        if result:
            return result
        if time.monotonic() > deadline:
            raise Error('not within %g seconds: %s' % (seconds, what))
        time.sleep(0.002)


def schema():
    places = [os.environ.get('OVS_PKGDATADIR', '')]
    server = shutil.which('ovsdb-server')
    if server:
        places.append(os.path.join(os.path.dirname(server), '../vswitchd'))
    places += ['/usr/local/share/openvswitch', '/usr/share/openvswitch']
    for place in places:
        name = os.path.join(place, 'vswitch.ovsschema')
        if os.path.exists(name):
            return name
    raise Error('vswitch.ovsschema of Open vSwitch is not found; '
                'OVS_PKGDATADIR names its directory')


def check_programs():
    for program in PROGRAMS:
        if not shutil.which(program):
            raise Error('%s is not on PATH' % program)
    if subprocess.run(in_namespace() + ['true'], check=False,
                      stderr=subprocess.DEVNULL).returncode:
        raise Error('this machine allows no network namespace (are you root?)')


def in_namespace():
    """Makes a command run in a new network namespace."""
    if os.geteuid() == 0:
        return ['unshare', '--net']
    return ['unshare', '--user', '--map-root-user', '--net']


class Unixctl:
    """A connection to the daemon's control socket.

    Asking over one connection, and not by a program for each question, lets
    counters be read at a known time."""

    def __init__(self, connection):
        self.socket = connection
        self.decoder = json.JSONDecoder()
        self.received = ''

    def __call__(self, command, *arguments):
        request = {'id': 0, 'method': command,
                   'params': [str(argument) for argument in arguments]}
        try:
            self.socket.sendall(json.dumps(request).encode())
            reply = self.reply()
        except OSError as error:
            raise Error('%s: the daemon does not answer: %s'
                        % (command, error))
        if reply['error']:
            raise Error('%s: %s' % (command, reply['error'].strip()))
        return reply['result']

    def reply(self):
        while True:
            try:
                reply, end = self.decoder.raw_decode(self.received)
            except ValueError:
                more = self.socket.recv(1 << 20)
                if not more:
                    raise ConnectionResetError('it closed its socket')
                self.received += more.decode()
            else:
                self.received = self.received[end:].lstrip()
                return reply


class Switch:
    """The daemons.  Use as a context manager."""

    def __init__(self, directory, control_core, settings):
        self.directory = directory
        self.control_core = control_core
        self.settings = settings
        self.children = []
        self.database = 'unix:%s/db.sock' % directory

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        path = self.path
        self.run('ovsdb-tool', 'create', path('conf.db'), schema())
        self.spawn('ovsdb-server', '--remote=punix:' + path('db.sock'),
                   path('conf.db'))
        poll(20, lambda: self.connect('db.sock'), 'ovsdb-server')
        self.vsctl('--no-wait', 'init')
        self.vsctl('--no-wait', 'set', 'Open_vSwitch', '.', *[
            'other_config:%s=%s' % item for item in self.settings.items()])
        daemon = self.spawn(*in_namespace(), 'ovs-vswitchd',
                            '--disable-system', '--pidfile=' + path('pid'),
                            '--unixctl=' + path('ctl.sock'), self.database)
        self.pid = daemon.pid
        self.appctl = Unixctl(poll(20, lambda: self.connect('ctl.sock'),
                                   'ovs-vswitchd'))

    def connect(self, name):
        """A socket; None while nobody listens there."""
        self.check()
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(self.path(name))
        except OSError:
            connection.close()
            return None
        connection.settimeout(ANSWER_SECONDS)
        return connection

    def stop(self):
        for child in reversed(self.children):
            child.kill()
            child.wait()
        self.children = []

    def path(self, name):
        return os.path.join(self.directory, name)

    def environment(self):
        return dict(os.environ, OVS_RUNDIR=self.directory,
                    OVS_LOGDIR=self.directory, OVS_DBDIR=self.directory,
                    OVS_SYSCONFDIR=self.directory, OVS_SYSLOG_METHOD='null',
                    OVS_CTL_TIMEOUT='120')

    def spawn(self, *command):
        """Starts a program that ends with us.

        Its threads stay away from the packet threads' processor; these choose
        theirs themselves."""
        def prepare():
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            os.sched_setaffinity(0, {self.control_core})

        log = '--log-file=' + self.path('%d.log' % len(self.children))
        with open(self.path('stderr'), 'ab') as stderr:
            child = subprocess.Popen(
                list(command) + ['-vconsole:off', log],
                env=self.environment(), stdin=subprocess.DEVNULL,
                stdout=stderr, stderr=stderr, preexec_fn=prepare)
        self.children.append(child)
        return child

    def check(self):
        for child in self.children:
            if child.poll() is not None:
                with open(self.path('stderr')) as stream:
                    raise Error('%s ended: %s'
                                % (child.args[0], stream.read()[-500:]))

    def run(self, *command, **options):
        done = subprocess.run(command, env=self.environment(), text=True,
                              capture_output=True, check=False, **options)
        if done.returncode:
            raise Error('%s: %s' % (' '.join(command[:2]),
                                    done.stderr.strip()[-500:]))
        return done.stdout

    def vsctl(self, *arguments):
        return self.run('ovs-vsctl', '--db=' + self.database, *arguments)

    def used(self, datapath):
        """What the kernel counted for a datapath's packet threads."""
        ran = waited = 0
        tasks = '/proc/%d/task' % self.pid
        for task in os.listdir(tasks):
            try:
                with open('%s/%s/comm' % (tasks, task)) as stream:
                    name = stream.read()
            except FileNotFoundError:
                continue            # A thread that has ended meanwhile.
            if not name.startswith(THREAD_NAMES[datapath]):
                continue
            with open('%s/%s/schedstat' % (tasks, task)) as stream:
                numbers = stream.read().split()
            ran += int(numbers[0])
            waited += int(numbers[1])
        return figures.Used(ran / 1e9, waited / 1e9)


class Bridge:
    """A bridge of a datapath type, its flows and its two traffic ports."""

    def __init__(self, switch, datapath):
        self.switch = switch
        self.datapath = datapath
        self.name = 'br-' + datapath[0]
        self.client = 'c-' + datapath[0]
        self.server = 's-' + datapath[0]
        self.ports = (self.client, self.server)
        self.dp = '%s@ovs-%s' % (datapath, datapath)

    def create(self, connections_limit):
        self.switch.vsctl('add-br', self.name, '--', 'set', 'bridge',
                          self.name, 'datapath_type=' + self.datapath,
                          'fail-mode=secure', 'protocols=OpenFlow15')
        if self.switch.vsctl('get', 'bridge', self.name,
                             'datapath_id').strip() == '[]':
            raise Error('no bridge of datapath type %s' % self.datapath)
        self.switch.appctl('dpctl/ct-set-maxconns', self.dp,
                           connections_limit)

    def set_timeouts(self, zones, timeouts):
        """As the two datapaths' own differ, a pipeline may set them."""
        self.switch.vsctl(
            '--', '--id=@m', 'create', 'Datapath', 'datapath_version=0',
            '--', 'set', 'Open_vSwitch', '.',
            'datapaths:%s=@m' % self.datapath)
        policy = ['%s=%d' % item for item in timeouts.items()]
        for zone in zones:
            self.switch.vsctl('add-zone-tp', self.datapath, 'zone=%d' % zone,
                              *policy)

    def add_ports(self, client, server):
        """Both are stopped at first.  client, server: their options."""
        client = dict(client, role='client', start='false')
        server = dict(server, role='server', start='false', peer=self.client)
        command = []
        for number, name, options in ((1, self.client, client),
                                      (2, self.server, server)):
            other = {key: options.pop(key) for key in list(options)
                     if key == 'pmd-rxq-affinity'}
            command += ['--', 'add-port', self.name, name, '--', 'set',
                        'interface', name, 'type=traffic',
                        'ofport_request=%d' % number]
            command += ['options:%s="%s"' % item for item in options.items()]
            command += ['other_config:%s="%s"' % item
                        for item in other.items()]
        self.switch.vsctl(*command)
        for number, name in enumerate(self.ports, 1):
            got = self.switch.vsctl('get', 'interface', name, 'ofport',
                                    'error').split('\n')
            if got[0] != str(number):
                raise Error('port %s: %s' % (name, got[1]))

    def ofctl(self, command, *arguments, **options):
        self.switch.run('ovs-ofctl', '-O', 'OpenFlow15', command,
                        'unix:%s' % self.switch.path(self.name + '.mgmt'),
                        *arguments, **options)

    def load(self, command, lines):
        lines = list(lines)
        if lines:
            self.ofctl(command, '-', input='\n'.join(lines) + '\n')

    def start(self):
        self.switch.appctl('netdev-traffic/start', *self.ports)

    def stop(self):
        self.switch.appctl('netdev-traffic/stop', *self.ports)

    def show(self):
        """What the client's and the server's port tell of themselves."""
        shown = json.loads(self.switch.appctl('netdev-traffic/show',
                                              '--json'))
        return shown[self.client], shown[self.server]

    def connections(self, zones):
        counts = {}
        for zone in zones:
            text = self.switch.appctl('dpctl/ct-stats-show', self.dp,
                                      'zone=%d' % zone)
            counts[zone] = int(text.split('Total:')[1].split()[0])
        return counts

    def megaflows(self):
        text = self.switch.appctl('dpctl/show', self.dp)
        return int(text.split('flows:')[1].split()[0])
