#! /usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Flows that the controllers make of their configuration, as Open vSwitch
reads them: each is encoded by os-ken and decoded by ovs-ofctl."""

import os
import re
import subprocess
import sys
import unittest

try:
    import os_ken  # noqa: F401
except ImportError:
    sys.exit(77)

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '../utilities'))

from trackway_controllers import config, ct_flush, firewall_config
from trackway_controllers import firewall_flows, lb_config, lb_flows
from trackway_controllers import nat_config, nat_flows, neighbour, openflow
from trackway_controllers import packets

OFCTL = os.environ.get('OFCTL', 'ovs-ofctl')


class Datapath:
    """What an encoder needs of one."""
    ofproto = openflow.ofp
    ofproto_parser = openflow.parser


class Port:
    def __init__(self, number):
        self.port_no = number
        self.hw_addr = '02:00:00:00:00:%02x' % number


def ports(**numbers):
    found = {name: Port(number) for name, number in numbers.items()}
    found.update({str(number): found[name]
                  for name, number in numbers.items()})
    return found


def printed(message):
    """As ovs-ofctl prints it, on one line."""
    message.set_xid(1)
    message.serialize()
    done = subprocess.run([OFCTL, 'ofp-print', message.buf.hex()],
                          capture_output=True, text=True, check=True)
    return ' '.join(done.stdout.split())


def flow_text(flow):
    text = printed(flow.add(Datapath, 0x7466))
    return re.sub(r'^OFPT_FLOW_MOD \(OF1.4\) \(xid=0x1\): ADD ', '', text)


class OvsReads(unittest.TestCase):
    def texts(self, flows):
        texts = [flow_text(flow) for flow in flows]
        for text in texts:
            self.assertNotIn('***', text)
            self.assertNotIn('error', text.lower())
        return texts

    def holds(self, texts, *parts):
        """Some flow has all of parts."""
        for text in texts:
            if all(part in text for part in parts):
                return
        self.fail('none with %s in\n%s' % (parts, '\n'.join(texts)))


class Flush(OvsReads):
    def test_zone(self):
        self.assertIn('NXT_CT_FLUSH_ZONE (OF1.4) (xid=0x1): zone_id=5',
                      printed(ct_flush.flush_zone(Datapath, 5)))

    def test_tuple(self):
        text = printed(ct_flush.flush(
            Datapath, 7, 6, ct_flush.Tuple('10.0.0.1', '10.0.0.2', 3, 4)))
        self.assertIn('zone=7', text)
        self.assertIn("ct_nw_src=10.0.0.1,ct_nw_dst=10.0.0.2,ct_tp_src=3,"
                      "ct_tp_dst=4,ct_nw_proto=6", text)

    def test_reply_only(self):
        text = printed(ct_flush.flush(
            Datapath, 7, 17, reply=ct_flush.Tuple('fd00::1', src_port=53)))
        self.assertIn('ct_ipv6_src=fd00::1', text)
        self.assertIn('ct_tp_src=53', text)


class Packets(unittest.TestCase):
    def test_hostile(self):
        """Whatever comes, it is read or not, and nothing is raised."""
        frame = bytes.fromhex(
            '020000000001020000000002080045000028000100004006'
            '00000a0101010a010102138800500000000000000000500210000000'
            '0000')
        self.assertEqual(packets.tuple_of(frame).text(),
                         'tcp 10.1.1.1 port 5000 > 10.1.1.2 port 80')
        for end in range(len(frame)):
            packets.tuple_of(frame[:end])
        for at in range(12, len(frame)):
            packets.tuple_of(frame[:at] + b'\xff' + frame[at + 1:])


class Firewall(OvsReads):
    def plan(self, text):
        policy = firewall_config.decode(config.parse('f', text))
        return policy, firewall_flows.plan(policy, ports(p1=1, p2=2))

    def test_flows(self):
        policy, (flows, _, meters) = self.plan('''
zones:
  in: {ports: p1, prefixes: [10.0.0.0/8]}
  out: {ports: [p2, p3]}
rules:
  - {from: in, to: out, protocol: tcp, ports: 6-7, source: 10.2.0.0/16}
  - {from: in, helper: ftp, destination: fd00::1}
  - {action: deny, protocol: icmp, types: echo-request, log: false}
''')
        texts = self.texts(flows)
        first = policy.tenants[0].rules[0].id
        self.holds(texts, 'priority=100,ip,in_port=1,nw_src=10.0.0.0/8',
                   'set_field:0x1->reg0', 'goto_table:1')
        self.holds(texts, 'table:1 priority=108,ip,reg2=0x1,nw_dst=10.0.0.0/8',
                   'ct(table=2,zone=1)')
        self.holds(texts, 'table:3 priority=40000,tcp,reg0=0x1,reg1=0x2,'
                   'reg2=0x1,nw_src=10.2.0.0/16,tp_dst=0x6/0xfffe',
                   'ct(commit,zone=1,exec(set_field:%#x->ct_mark)),NORMAL'
                   % first)
        self.holds(texts, 'table:2 priority=100,ct_state=-new-inv+trk,'
                   'ct_mark=%#x,reg2=0x1' % first, 'actions=NORMAL')
        self.holds(texts, 'table:4 priority=40000,ct_state=-new+rpl-inv+trk',
                   'ct_nw_src=10.2.0.0/16', 'ct_nw_proto=6',
                   'ct_tp_dst=0x6/0xfffe', 'reg0=0x2,reg1=0x1')
        self.holds(texts, 'priority=39999,tcp6,', 'ipv6_dst=fd00::1',
                   'alg=ftp')
        self.holds(texts, 'table:3 priority=39998,icmp,', 'icmp_type=8',
                   'actions=drop')
        self.holds(texts, 'table:3 priority=0', 'meter:29798',
                   'CONTROLLER:128')
        self.assertEqual(meters[0].rate, 10)
        # Port p3 is not there: nothing for it, and nothing fails.
        self.assertFalse([text for text in texts if 'in_port=3' in text])

    def test_cookies(self):
        """One flow, one cookie."""
        text = 'zones: {a: {ports: p1}}\nrules: [{protocol: tcp}]\n'
        flows = self.plan(text)[1][0]
        cookies = {flow.cookie(1) for flow in flows}
        self.assertEqual(len(cookies), len(flows))
        again = {flow.cookie(1) for flow in self.plan(text)[1][0]}
        self.assertEqual(again, cookies)
        other = {flow.cookie(1) for flow in
                 self.plan(text.replace('tcp', 'udp'))[1][0]}
        self.assertNotEqual(other, cookies)
        self.assertEqual({cookie >> 48 for cookie in cookies}, {1})


NAT = '''
outside:
  port: p1
  addresses: [192.0.2.1/24, "2001:db8::1/64"]
  routers: [192.0.2.254]
inside:
  lan:
    port: p2
    addresses: [10.0.0.1/24, "fd00::1/64"]
    snat:
    - {pool: 192.0.2.8-192.0.2.11, ports: 2000-2999}
    - {pool: "2001:db8::8"}
forwards:
  web: {address: 192.0.2.20, protocol: tcp, ports: 80-81, to: 10.0.0.7,
        to_ports: 8080-8081}
helpers: [ftp]
'''


class Nat(OvsReads):
    def test_flows(self):
        gateway = nat_config.decode(config.parse('f', NAT))
        flows, _, _ = nat_flows.plan(gateway, ports(p1=1, p2=2))
        texts = self.texts(flows)
        self.holds(texts, 'arp,in_port=1,arp_tpa=192.0.2.8/30,arp_op=1',
                   'IN_PORT')
        self.holds(texts, 'arp,in_port=2,arp_tpa=10.0.0.1,arp_op=1')
        self.holds(texts, 'icmp6,in_port=1,icmp_type=135,'
                   'nd_target=2001:db8::8 ', 'CONTROLLER')
        self.holds(texts, 'table:4 priority=50,ip,reg0=0x2',
                   'ct(commit,table=5,zone=1,nat(src='
                   '192.0.2.8-192.0.2.11:2000-2999))')
        self.holds(texts, 'table:4 priority=50,ipv6,reg0=0x2',
                   'nat(src=2001:db8::8)')
        self.holds(texts, 'table:4 priority=60,tcp,reg0=0x2,tp_dst=21',
                   'alg=ftp')
        self.holds(texts, 'tcp,nw_dst=192.0.2.20,tp_dst=81',
                   'ct(commit,table=4,zone=2,nat(dst=10.0.0.7:8081))')
        self.holds(texts, 'table:5 priority=10,ip ', 'set_field:0x3ec->reg2')
        cookies = {flow.cookie(1) for flow in flows}
        self.assertEqual(len(cookies), len(flows))

    def test_neighbours(self):
        mac, other = '02:00:00:00:00:01', '02:00:00:00:00:02'
        said, question = neighbour.sender(
            neighbour.request('10.0.0.7', '10.0.0.1', mac))
        self.assertEqual((str(said[0]), said[1]), ('10.0.0.1', mac))
        self.assertIsNone(question)
        said, question = neighbour.sender(
            neighbour.request('fd00::7', 'fd00::1', mac))
        self.assertEqual((str(said[0]), said[1]), ('fd00::1', mac))
        answer = neighbour.advertisement(question, other)
        said, question = neighbour.sender(answer)
        self.assertEqual((str(said[0]), said[1]), ('fd00::7', other))
        self.assertIsNone(question)
        for end in range(len(answer)):
            neighbour.sender(answer[:end])
        for at in range(len(answer)):
            neighbour.sender(answer[:at] + b'\xff' + answer[at + 1:])


LB = '''
services:
  web:
    address: 10.0.0.100
    protocol: tcp
    port: 80
    back_ends:
    - {address: 10.0.0.1, port: 8080}
    - {address: 10.0.0.2, weight: 3}
    - {address: 10.0.0.3}
  dns:
    address: "fd00::53"
    protocol: udp
    port: 53
    affinity: source
    check: {type: none}
    back_ends: [{address: "fd00::1"}, {address: "fd00::2", weight: 3}]
'''


class Lb(OvsReads):
    def setUp(self):
        self.balancer = lb_config.decode(config.parse('f', LB))
        self.web, self.dns = self.balancer.services

    def test_flows(self):
        texts = self.texts(lb_flows.base(self.balancer))
        self.holds(texts, 'priority=100,tcp,nw_dst=10.0.0.100,tp_dst=80',
                   'ct(table=1,zone=1,nat)')
        self.holds(texts, 'arp_tpa=10.0.0.100,arp_op=1')
        self.holds(texts, 'nd_target=fd00::53 ')
        text, = self.texts([lb_flows.select_flow(self.web, 7)])
        self.assertIn('actions=group:7', text)
        send = lb_flows.send(self.web, self.web.back_ends[0],
                             '02:00:00:00:00:01')
        self.assertIn('ct_mark=%#x' % self.web.back_ends[0].number,
                      flow_text(send))

    def test_group(self):
        group = lb_flows.group(self.balancer, self.web, 7,
                               self.web.back_ends[:2])
        text = printed(group.message(Datapath, openflow.ofp.OFPGC_ADD))
        self.assertIn('type=select', text)
        self.assertIn('weight:3', text)
        self.assertIn('nat(dst=10.0.0.1:8080)', text)
        self.assertNotIn('10.0.0.3', text)

    def test_slots(self):
        both = self.dns.back_ends
        texts = self.texts(lb_flows.slot_flows(self.balancer, self.dns, both))
        self.holds(texts, 'multipath(nw_src,2,modulo_n,128,0,NXM_NX_REG1')
        before = [lb_flows.owner(slot, both) for slot in range(128)]
        self.assertTrue(70 < before.count(both[1]) < 122)
        # Who goes gives away his own slots only.
        three = self.web.back_ends
        before = [lb_flows.owner(slot, three) for slot in range(128)]
        after = [lb_flows.owner(slot, three[1:]) for slot in range(128)]
        for one, other in zip(before, after):
            self.assertTrue(one is other or one is three[0])
        self.assertFalse(lb_flows.slot_flows(self.balancer, self.dns, [])[1:])


if __name__ == '__main__':
    unittest.main()
