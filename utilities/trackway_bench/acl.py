# SPDX-License-Identifier: Apache-2.0
"""An access list of five-tuples, of many prefix lengths and port masks.

The clients 10.0.0.0/22 may ask the servers 192.168.0.0/26 at the ports
80 to 95, and be answered.  The list allows that in pieces: 16 client networks,
for each of them the servers in blocks of its own length, the ports in ranges
of its own width.  Before these stand rules that refuse what the traffic does
not hold, so that a lookup has more than the matching kind of rule to rule out.
"""

CLIENTS = '10.0.0.0/22'
SERVERS = '192.168.0.0/26'
SERVER_PORTS = '80-95'

# Prefix lengths of blocks that make up the 64 servers.
BLOCKS = (26, 27, 28, 29)

# Masks of ranges that make up the 16 ports.
PORT_MASKS = (0xfff0, 0xfff8, 0xfffc, 0xffff)


def server_blocks(length):
    return ['192.168.0.%d/%d' % (host, length)
            for host in range(0, 64, 1 << (32 - length))]


def port_ranges(mask):
    width = 0x10000 - mask
    return ['%d/0x%x' % (port, mask) for port in range(80, 96, width)]


def allowed():
    """(clients, servers, ports) of each rule that allows."""
    for network in range(16):
        for block in server_blocks(BLOCKS[network % 4]):
            for ports in port_ranges(PORT_MASKS[network // 4]):
                yield ('10.0.%d.%d/26' % divmod(64 * network, 256), block,
                       ports)


def refused():
    """Matches of each rule that refuses."""
    for n in range(32):
        yield 'tcp,nw_src=10.%d.%d.0/24,tp_dst=22' % (32 + n, n)
        yield 'tcp,nw_src=10.%d.0.0/16,nw_dst=192.168.%d.0/24' % (64 + n, n)
        yield 'udp,nw_dst=192.168.0.%d,tp_dst=%d' % (n, 100 + n)
        yield 'tcp,nw_src=172.16.0.0/%d,nw_dst=192.168.0.0/16' % (12 + n % 12)


def flows():
    """The client is behind port 1, the servers behind port 2."""
    for match in sorted(set(refused())):
        yield 'priority=200,%s,actions=drop' % match
    for clients, servers, ports in allowed():
        yield ('priority=100,in_port=1,tcp,nw_src=%s,nw_dst=%s,tp_dst=%s,'
               'actions=output:2' % (clients, servers, ports))
        yield ('priority=100,in_port=2,tcp,nw_src=%s,nw_dst=%s,tp_src=%s,'
               'actions=output:1' % (servers, clients, ports))
    yield 'priority=0,actions=drop'
