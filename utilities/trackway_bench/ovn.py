# SPDX-License-Identifier: Apache-2.0
"""The recorded flows of OVN, see bench-data/record-ovn."""

import os

FILE = 'ovn.flows'


def data_directory():
    """Beside the modules in a source tree and where they are installed."""
    here = os.path.dirname(os.path.abspath(__file__))
    return os.path.join(os.path.dirname(here), 'bench-data')


def sections(text):
    """The lines of each [section], without comments and empty lines."""
    result = {}
    lines = None
    for line in text.splitlines():
        if line.startswith('#') or not line.strip():
            continue
        if line.startswith('[') and line.endswith(']'):
            lines = result.setdefault(line[1:-1], [])
        elif lines is None:
            raise ValueError('%s: a line before the first section' % FILE)
        else:
            lines.append(line)
    return result


def recorded():
    with open(os.path.join(data_directory(), FILE)) as stream:
        return sections(stream.read())


def zones(recording):
    """The numbers of the zones of the two logical ports."""
    return sorted(int(line.split()[1]) for line in recording['zones'])
