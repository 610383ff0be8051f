# SPDX-License-Identifier: Apache-2.0
"""What trackway-bench is made of.

pipelines   the named pipelines: flows, traffic, what is compared
acl, ovn    the flows of those that are long
daemon      a database, a daemon, commands to it
rounds      one row: two bridges, the same connections, interleaved rounds
figures     from counters to costs, medians, ratios and refusals
report      the table, JSON, the progress bar
chart       the bar chart
"""
