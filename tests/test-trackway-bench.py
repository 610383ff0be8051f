#! /usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What of trackway-bench needs no daemon: figures, refusals, table, chart."""

import io
import json
import os
import sys
import unittest
from unittest import mock
from xml.dom import minidom

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '../utilities'))
sys.dont_write_bytecode = True

from trackway_bench import acl, chart, daemon, figures, ovn     # noqa: E402
from trackway_bench import pipelines, report, rounds            # noqa: E402


def a_sample(**changes):
    """A second in which 10 M packets were made, at 30 ns of the source."""
    sample = figures.Sample(seconds=1.0, made=10000000, delivered=10000000,
                            foreign=0, bad=0, lives=0, source=0.3,
                            waited=0.0, other=0.0, share=1.0)
    return sample._replace(**changes)


def both(netdev, trackway):
    return {'netdev': netdev, 'trackway': trackway}


def the_work(**changes):
    work = {'pipeline': 'ct1', 'connections': 1000, 'threads': 1,
            'lives': None, 'exact': True, 'established_only': False}
    work.update(changes)
    return work


def a_row(**changes):
    """Netdev: 70 ns, and one round of 105.  Trackway: 14 ns."""
    slow = a_sample(made=6666667, delivered=6666667)
    fast = a_sample(made=50000000, delivered=50000000)
    row = figures.row(the_work(), both([a_sample(), a_sample(), slow],
                                       [fast] * 3),
                      both({1: 1000}, {1: 1000}))
    row.update(changes)
    return row


class Figures(unittest.TestCase):
    def test_difference(self):
        before = figures.Reading(1.0, 100, 90, 1, 2, 3, 0.5)
        after = figures.Reading(3.5, 300, 280, 2, 4, 6, 0.75)
        used = (figures.Used(1.5, 0.6), figures.Used(0.1, 0.0))
        self.assertEqual(figures.difference(before, after, 1, used, 0.9),
                         figures.Sample(2.5, 200, 190, 1, 2, 3, 0.25, 0.6,
                                        0.1, 0.9))
        self.assertEqual(figures.share(before, after), 0.95)
        self.assertEqual(figures.share(after, after), 0)

    def test_wait_is_no_longer_than_the_interval(self):
        before = figures.Reading(1.0, 0, 0, 0, 0, 0, 0.0)
        after = figures.Reading(2.0, 0, 0, 0, 0, 0, 0.0)
        used = (figures.Used(0.75, 0.5), figures.Used(0.0, 0.0))
        self.assertEqual(
            figures.difference(before, after, 1, used, 1.0).waited, 0.25)

    def test_cost_is_without_the_source(self):
        self.assertAlmostEqual(figures.cost_ns(a_sample(), 1), 70)
        self.assertAlmostEqual(figures.source_ns(a_sample(), 1), 30)

    def test_cost_counts_both_threads(self):
        self.assertAlmostEqual(figures.cost_ns(a_sample(), 2), 170)

    def test_cost_is_without_waiting(self):
        """Half of the time something else had the processor."""
        sample = a_sample(waited=0.5)
        self.assertAlmostEqual(figures.cost_ns(sample, 1), 35)
        self.assertAlmostEqual(figures.source_ns(sample, 1), 15)

    def test_cost_of_nothing(self):
        self.assertIsNone(figures.cost_ns(a_sample(delivered=0), 1))
        self.assertIsNone(figures.source_ns(a_sample(made=0), 1))

    def test_lives_beside_are_not_packets(self):
        sample = a_sample(lives=500000)
        self.assertAlmostEqual(figures.cost_ns(sample, 1, True), 100)
        self.assertAlmostEqual(figures.cost_ns(sample, 1, False), 70)

    def test_lives_per_second(self):
        self.assertAlmostEqual(
            figures.lives_per_second(a_sample(lives=700000), 1), 1000000)
        self.assertAlmostEqual(
            figures.lives_per_second(a_sample(lives=850000), 2), 1000000)

    def test_spread(self):
        self.assertAlmostEqual(figures.spread([9, 10, 12]), 0.3)
        self.assertEqual(figures.spread([5]), 0)

    def test_row(self):
        row = a_row()
        self.assertAlmostEqual(row['netdev_ns'], 70)
        self.assertAlmostEqual(row['trackway_ns'], 14)
        self.assertAlmostEqual(row['ratio'], 5)
        self.assertAlmostEqual(row['netdev_spread'], 0.5, places=3)
        self.assertAlmostEqual(row['spread'], 0.5, places=3)
        self.assertIsNone(row['refused'])
        self.assertEqual(row['zones'], {'1': [1000, 1000]})
        self.assertEqual(row['netdev_waited'], 0)

    def test_row_without_a_cost(self):
        row = figures.row(the_work(),
                          both([a_sample()], [a_sample(source=1.0)]),
                          both({}, {}))
        self.assertIsNone(row['ratio'])
        self.assertIsNone(row['trackway_ns'])
        self.assertIn('source', row['refused'])

    def test_row_of_lives(self):
        sample = a_sample(lives=1666667)
        row = figures.row(the_work(lives='counted', exact=False),
                          both([sample], [sample]), both({1: 5}, {1: 50}))
        self.assertAlmostEqual(row['ratio'], 1)
        self.assertAlmostEqual(row['netdev_lives_per_second'],
                               1666667 / 0.7)

    def test_scaling(self):
        one = a_row()
        two = a_row(threads=2, netdev_ns=100.0, trackway_ns=15.0)
        refused = a_row(connections=5, threads=2, refused='a reason')
        disturbed = a_row(threads=2, netdev_waited=0.3)
        self.assertEqual(list(figures.scaling([one, refused, disturbed])), [])
        (name, connections, factors), = figures.scaling([one, two, refused])
        self.assertEqual((name, connections), ('ct1', 1000))
        self.assertAlmostEqual(factors['netdev'], 1.4)
        self.assertAlmostEqual(factors['trackway'], 28 / 15)


class Refusals(unittest.TestCase):
    def refusal(self, netdev, trackway, zones=({}, {}), **how):
        return figures.refusal(both([netdev], [trackway]), both(*zones),
                               **how)

    def test_same_work(self):
        self.assertIsNone(self.refusal(a_sample(), a_sample(),
                                       ({1: 7, 2: 8}, {1: 7, 2: 8})))

    def test_faster_is_no_reason(self):
        self.assertIsNone(self.refusal(
            a_sample(), a_sample(made=90000000, delivered=90000000)))

    def test_packets_on_their_way_are_no_reason(self):
        self.assertIsNone(self.refusal(a_sample(),
                                       a_sample(delivered=9900000)))

    def test_delivered_less(self):
        self.assertIsNone(self.refusal(a_sample(), a_sample(share=0.9999)))
        self.assertEqual(self.refusal(a_sample(), a_sample(share=0.99)),
                         'delivered of made: netdev 1.0000, trackway 0.9900')

    def test_both_delivered_less(self):
        half = a_sample(share=0.5)
        self.assertIsNone(self.refusal(half, half))

    def test_nothing_delivered(self):
        nothing = a_sample(delivered=0)
        self.assertIn('netdev delivered nothing',
                      self.refusal(nothing, nothing))

    def test_damaged_and_foreign(self):
        self.assertIn('3 damaged', self.refusal(a_sample(), a_sample(bad=3)))
        self.assertIn('4 foreign', self.refusal(a_sample(foreign=4),
                                                a_sample(foreign=4)))

    def test_connections(self):
        self.assertEqual(
            self.refusal(a_sample(), a_sample(),
                         ({1: 7, 2: 8}, {1: 7, 2: 9})),
            'connections in zone 2: netdev 8, trackway 9')

    def test_connections_that_come_and_go(self):
        self.assertIsNone(self.refusal(a_sample(), a_sample(),
                                       ({1: 7}, {1: 9}), exact=False))
        self.assertIn('zone 1', self.refusal(a_sample(), a_sample(),
                                             ({1: 7}, {1: 0}), exact=False))

    def test_lives(self):
        whole, half = a_sample(lives=1666667), a_sample(lives=800000)
        self.assertIsNone(self.refusal(whole, whole, lives='counted'))
        self.assertIn('lives in a packet',
                      self.refusal(whole, half, lives='counted'))
        self.assertIn('ended no life',
                      self.refusal(whole, a_sample(), lives='counted'))
        more = whole._replace(made=20000000, delivered=20000000)
        self.assertIsNone(self.refusal(whole, more, lives='beside'))
        self.assertIn('lives in a second',
                      self.refusal(whole, half, lives='beside'))

    def test_threads_that_should_sleep(self):
        self.assertIsNone(self.refusal(a_sample(), a_sample(other=0.001)))
        self.assertIn('50 % of the rounds of trackway',
                      self.refusal(a_sample(), a_sample(other=0.5)))


class Rounds(unittest.TestCase):
    def test_order(self):
        sides = [name[0] for n in range(4) for name in rounds.order(n)]
        self.assertEqual(''.join(sides), 'nttnnttn')

    def test_cores(self):
        self.assertEqual(rounds.choose_cores(1, {0, 1}), ([1], 0))
        self.assertEqual(rounds.choose_cores(2, {0, 1}), ([0, 1], 0))
        self.assertEqual(rounds.choose_cores(2, {4, 6, 7}), ([6, 7], 4))
        self.assertEqual(rounds.choose_cores(1, {3}), ([3], 3))
        with self.assertRaises(daemon.Error):
            rounds.choose_cores(2, {0})

    def readings(self, *delivered):
        """Readings a second apart."""
        nothing = figures.Reading(*[0] * len(figures.Reading._fields))
        return [nothing._replace(at=at, delivered=n)
                for at, n in enumerate(delivered)]

    def test_a_starved_round_goes_on(self):
        first, *others = self.readings(5, 5, 5, 6, 7)
        with mock.patch.object(rounds, 'reading', side_effect=others):
            self.assertEqual(rounds.delivered(None, first, 9), others[2])

    def test_but_not_for_ever(self):
        first, *others = self.readings(5, 5, 5, 5, 6)
        with mock.patch.object(rounds, 'reading', side_effect=others):
            self.assertEqual(rounds.delivered(None, first, 2), others[2])


class Pipelines(unittest.TestCase):
    def test_all(self):
        for name, cls in pipelines.PIPELINES.items():
            pipeline = cls()
            with self.subTest(name):
                self.assertEqual(name, pipeline.name)
                self.assertTrue(pipeline.summary)
                self.assertTrue(pipeline.runs)
                self.assertTrue(list(pipeline.flows()))
                options = pipeline.traffic(1000)
                self.assertEqual(options['connections'], 1000)
                self.assertIn('pattern', options)

    def test_four_zones(self):
        flows = list(pipelines.Ct4().flows())
        self.assertEqual(len(flows), 13)
        for zone in 1, 2, 3, 4:
            self.assertTrue(any('commit,zone=%d' % zone in flow
                                for flow in flows))

    def test_access_list(self):
        """What the rules allow is the whole of the traffic, once."""
        rules = list(acl.allowed())
        self.assertGreater(len(rules), 300)
        size = 0
        for clients, servers, ports in rules:
            hosts = 1 << (32 - int(servers.split('/')[1]))
            size += hosts * (0x10000 - int(ports.split('/')[1], 16))
        self.assertEqual(size, 16 * 64 * 16)
        self.assertEqual(len(set(rules)), len(rules))

    def test_recording(self):
        recording = ovn.recorded()
        self.assertEqual(ovn.zones(recording), [1, 2])
        self.assertEqual(len(recording['groups']), 1)
        self.assertGreater(len(recording['flows']), 500)
        self.assertTrue(any('group:1' in flow
                            for flow in recording['flows']))

    def test_recording_with_a_fault(self):
        with self.assertRaises(ValueError):
            ovn.sections('# comment\nline\n[flows]\n')


class Report(unittest.TestCase):
    def test_count(self):
        for number, words in ((1000, '1 k'), (100000, '100 k'), (5, '5'),
                              (1000000, '1 M'), (1500000, '1.5 M'),
                              (1234, '1234')):
            self.assertEqual(report.count(number), words)

    def test_table(self):
        refused = figures.refused_row(the_work(pipeline='snat'), 'no port')
        lines = report.table([a_row(), refused]).splitlines()
        self.assertEqual(lines[0].split()[0], 'pipeline')
        self.assertEqual(len(lines[0]), len(lines[2]))
        self.assertRegex(lines[2], r'^ct1 .* 70\.0 .* 14\.0 .* 5\.00 x')
        self.assertRegex(lines[3], r'^snat .* refused')
        self.assertEqual(lines[4].strip(), 'refused: no port')

    def test_table_says_who_had_no_processor(self):
        row = a_row(trackway_waited=0.5)
        self.assertIn('for 50 % of the time', report.table([row]))

    def test_table_of_scaling(self):
        self.assertIn('Two threads against one, ct1 1 k: netdev 2.00 x',
                      report.table([a_row(), a_row(threads=2)]))

    def test_json(self):
        rows = json.loads(report.as_json([a_row()]))
        self.assertIsInstance(rows, list)
        for key in ('pipeline', 'connections', 'threads', 'netdev_ns',
                    'trackway_ns', 'ratio', 'spread'):
            self.assertIn(key, rows[0])

    def test_progress_bar(self):
        self.assertEqual(report.line(0.5, 'x', 100),
                         '[' + '#' * 15 + ' ' * 15 + ']  50 %  x')
        self.assertEqual(len(report.line(1, 'long ' * 40, 79)), 79)

    def test_parts_of_a_progress_bar(self):
        class Terminal(io.StringIO):
            def isatty(self):
                return True
        stream = Terminal()
        progress = report.Progress(2, stream)
        progress.begin('ct1')
        progress.end()
        progress.part(0.2, 0.4).step('opens', 0.5)
        self.assertIn('  65 %  ct1: opens', stream.getvalue())

    def test_no_progress_bar_without_a_terminal(self):
        stream = io.StringIO()
        progress = report.Progress(1, stream)
        progress.begin('ct1')
        progress.step('opens', 0.5)
        progress.clear()
        self.assertEqual(stream.getvalue(), '')


class Chart(unittest.TestCase):
    def test_svg(self):
        slow = a_row(netdev_ns=3500.0, pipeline='<ct4> & more')
        document = minidom.parseString(chart.svg([a_row(), slow]))
        texts = [node.firstChild.data
                 for node in document.getElementsByTagName('text')]
        self.assertIn('ct1, 1 k', texts)
        self.assertIn('<ct4> & more, 1 k', texts)
        self.assertIn('14.0  (5.0 x)', texts)

    def test_longer_bar_costs_more(self):
        axis = chart.Axis([14, 70, 3500])
        self.assertEqual((axis.first, axis.last), (1, 4))
        self.assertLess(axis.x(14), axis.x(70))
        self.assertLess(axis.x(70), axis.x(3500))

    def test_refused_rows_are_not_drawn(self):
        refused = figures.refused_row(the_work(), 'a reason')
        self.assertIn('nothing was measured', chart.svg([refused]))
        minidom.parseString(chart.svg([]))


if __name__ == '__main__':
    unittest.main()
