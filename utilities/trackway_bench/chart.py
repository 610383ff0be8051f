# SPDX-License-Identifier: Apache-2.0
"""Rows as a bar chart in SVG, with a logarithmic axis of nanoseconds."""

import math
from xml.sax import saxutils

from . import report

COLORS = {'netdev': '#b0b7c3', 'trackway': '#1f6feb'}
INK, LIGHT = '#1c2128', '#d8dce2'

LEFT, RIGHT, TOP, BOTTOM = 190, 110, 70, 50
WIDTH, BAR, GAP = 860, 14, 14
GROUP = 2 * BAR + GAP


def decades(values):
    """The powers of ten around all values: (first, last) exponents."""
    first = math.floor(math.log10(min(values)))
    last = math.ceil(math.log10(max(values)))
    return first, max(last, first + 1)


class Axis:
    def __init__(self, values):
        self.first, self.last = decades(values)

    def x(self, value):
        share = (math.log10(value) - self.first) / (self.last - self.first)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def ticks(self):
        """(value, labelled)"""
        for exponent in range(self.first, self.last):
            for digit in range(1, 10):
                yield digit * 10 ** exponent, digit in (1, 2, 5)
        yield 10 ** self.last, True


def text(x, y, words, anchor='start', size=12, weight='normal'):
    return ('<text x="%.1f" y="%.1f" text-anchor="%s" font-size="%d" '
            'font-weight="%s" fill="%s">%s</text>'
            % (x, y, anchor, size, weight, INK, saxutils.escape(words)))


def rectangle(x, y, width, height, color, title):
    return ('<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s">'
            '<title>%s</title></rect>'
            % (x, y, width, height, color, saxutils.escape(title)))


def grid(axis, height):
    for value, labelled in axis.ticks():
        x = axis.x(value)
        yield ('<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="%s" '
               'stroke-width="%s"/>' % (x, TOP, x, height - BOTTOM, LIGHT,
                                        '1' if labelled else '0.4'))
        if labelled:
            yield text(x, height - BOTTOM + 16, '%g' % value, 'middle', 11)
    yield text((LEFT + WIDTH - RIGHT) / 2, height - 12,
               'nanoseconds a packet, without the source (logarithmic)',
               'middle')


def label(row):
    threads = ', 2 threads' if row['threads'] == 2 else ''
    return '%s, %s%s' % (row['pipeline'], report.count(row['connections']),
                         threads)


def group(axis, row, y):
    """The two bars of a row."""
    yield text(LEFT - 8, y + BAR + 4, label(row), 'end')
    for number, (name, color) in enumerate(COLORS.items()):
        cost = row[name + '_ns']
        top = y + number * BAR
        yield rectangle(LEFT, top, axis.x(cost) - LEFT, BAR - 1, color,
                        '%s: %s ns' % (name, report.figure(cost)))
        words = report.figure(cost)
        if name == 'trackway':
            words += '  (%.1f x)' % row['ratio']
        yield text(axis.x(cost) + 5, top + BAR - 3, words, size=11)


def legend():
    x = LEFT
    for name, color in COLORS.items():
        yield rectangle(x, 42, 12, 12, color, name)
        yield text(x + 18, 52, name)
        x += 100


def svg(rows):
    """A document.  Rows without a ratio are not drawn."""
    rows = [row for row in rows if row['ratio'] is not None]
    height = TOP + BOTTOM + max(len(rows), 1) * GROUP
    parts = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
             'viewBox="0 0 %d %d" font-family="sans-serif">'
             % (WIDTH, height, WIDTH, height),
             '<rect width="100%" height="100%" fill="white"/>',
             text(LEFT, 26, 'Cost of a packet: netdev and trackway', size=16,
                  weight='bold')]
    parts += legend()
    if rows:
        axis = Axis([row[name + '_ns'] for row in rows for name in COLORS])
        parts += grid(axis, height)
        for number, row in enumerate(rows):
            parts += group(axis, row, TOP + GAP / 2 + number * GROUP)
    else:
        parts.append(text(LEFT, TOP + 20, 'nothing was measured'))
    return '\n'.join(parts + ['</svg>']) + '\n'
