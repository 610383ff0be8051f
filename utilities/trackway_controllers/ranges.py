# SPDX-License-Identifier: Apache-2.0
"""Ranges: of ports, as OpenFlow can match them, and of addresses."""

import ipaddress


def masks(low, high, bits=16):
    """The fewest (value, mask) pairs that together match low..high."""
    full = (1 << bits) - 1
    pairs = []
    while low <= high:
        size = low & -low or 1 << bits
        while size > high - low + 1:
            size >>= 1
        pairs.append((low, full & ~(size - 1)))
        low += size
    return pairs


def addresses(text):
    """(first, last) of '192.0.2.1' or '192.0.2.1-192.0.2.9'."""
    first, dash, last = text.partition('-')
    first = ipaddress.ip_address(first.strip())
    last = ipaddress.ip_address(last.strip()) if dash else first
    if first.version != last.version:
        raise ValueError('IPv4 and IPv6 mixed')
    if last < first:
        raise ValueError('the last is before the first')
    return first, last


def networks(first, last):
    """The fewest prefixes that together are first..last."""
    return list(ipaddress.summarize_address_range(first, last))
