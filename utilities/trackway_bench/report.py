# SPDX-License-Identifier: Apache-2.0
"""The table, JSON and the progress bar."""

import json
import shutil
import sys

from . import figures

HEAD = ('pipeline', 'connections', 'threads', 'netdev', '+-', 'trackway', '+-',
        'ratio', 'source')


def count(number):
    """1000 -> 1 k, 1000000 -> 1 M."""
    for unit, name in (1000000, ' M'), (1000, ' k'):
        if number >= unit and number % (unit // 10) == 0:
            return '%g%s' % (number / unit, name)
    return str(number)


def figure(value):
    if value is None:
        return '-'
    return '%.1f' % value if value < 100 else '%.0f' % value


def percent(value):
    return '-' if value is None else '%.0f %%' % (100 * value)


def ratio(value):
    return 'refused' if value is None else '%.2f x' % value


def cells(row):
    return (row['pipeline'], count(row['connections']), str(row['threads']),
            figure(row['netdev_ns']), percent(row.get('netdev_spread')),
            figure(row['trackway_ns']), percent(row.get('trackway_spread')),
            ratio(row['ratio']), figure(row.get('netdev_source_ns')))


def align(columns, widths):
    first = columns[0].ljust(widths[0])
    rest = [text.rjust(width) for text, width in zip(columns[1:], widths[1:])]
    return '  '.join([first] + rest)


def notes(row):
    """Lines below a row."""
    if row['refused']:
        yield 'refused: ' + row['refused']
    if 'netdev_lives_per_second' in row:
        yield 'lives per second: ' + ', '.join(
            '%s %.4g' % (name, row[name + '_lives_per_second'] or 0)
            for name in figures.DATAPATHS)
    for name in figures.DATAPATHS:
        waited = row.get(name + '_waited', 0)
        if waited > 0.05:
            yield ('%s: something else had the processors for %.0f %% of the '
                   'time' % (name, 100 * waited))


def table(rows):
    """Nanoseconds a packet, medians of the rounds, and below what to know."""
    lines = [cells(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(HEAD, *lines)]
    text = [align(HEAD, widths), '-' * (sum(widths) + 2 * len(widths) - 2)]
    for row, line in zip(rows, lines):
        text.append(align(line, widths))
        text += ['    ' + note for note in notes(row)]
    text.append('Nanoseconds of a packet thread for each packet that arrives, '
                'without the source;')
    text.append('medians of the rounds, +- is (max - min) / median.')
    for pipeline, connections, factors in figures.scaling(rows):
        text.append('Two threads against one, %s %s: netdev %.2f x, '
                    'trackway %.2f x' % (pipeline, count(connections),
                                         factors['netdev'],
                                         factors['trackway']))
    return '\n'.join(text) + '\n'


def as_json(rows):
    return json.dumps(rows, indent=2) + '\n'


class Progress:
    """One line on a terminal that is written again and again."""

    def __init__(self, rows, stream=sys.stderr):
        self.rows = rows
        self.done = 0
        self.title = ''
        self.stream = stream if stream.isatty() else None

    def begin(self, title):
        self.title = title
        self.step('starts', 0)

    def step(self, text, fraction):
        """fraction: of the row."""
        if self.stream:
            share = (self.done + min(fraction, 1)) / self.rows
            width = shutil.get_terminal_size().columns - 1
            self.write(line(share, '%s: %s' % (self.title, text), width))

    def part(self, first, last):
        """For a step of a row that is from 'first' to 'last' of it."""
        return Part(self, first, last)

    def end(self):
        self.done += 1

    def clear(self):
        if self.stream:
            self.write('')

    def write(self, text):
        self.stream.write('\r\x1b[K' + text)
        self.stream.flush()


class Part:
    def __init__(self, whole, first, last):
        self.whole, self.first, self.last = whole, first, last

    def step(self, text, fraction):
        self.whole.step(text, self.first
                        + min(fraction, 1) * (self.last - self.first))


def line(share, text, width):
    """A bar of 30 columns, the percentage, what is done."""
    full = int(30 * share)
    bar = '[%s%s] %3d %%  %s' % ('#' * full, ' ' * (30 - full), 100 * share,
                                 text)
    return bar[:width]
