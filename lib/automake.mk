# SPDX-License-Identifier: Apache-2.0
#
# The connection tracker.

noinst_LIBRARIES += lib/libtrackway.a

lib_libtrackway_a_SOURCES =

# Protocols.
lib_libtrackway_a_SOURCES += \
	lib/ct-bits.h \
	lib/ct-cursor.h \
	lib/ct-h225-call-types.c \
	lib/ct-h225-ras-types.c \
	lib/ct-h225-types.c \
	lib/ct-h235-types.c \
	lib/ct-h245-media-types.c \
	lib/ct-h245-types.c \
	lib/ct-h323-types.h \
	lib/ct-h323.c \
	lib/ct-h323.h \
	lib/ct-gre-key.c \
	lib/ct-gre-key.h \
	lib/ct-icmp-error.c \
	lib/ct-icmp-error.h \
	lib/ct-l4.c \
	lib/ct-l4.h \
	lib/ct-l4-generic.c \
	lib/ct-l4-gre.c \
	lib/ct-l4-gre.h \
	lib/ct-l4-icmp.c \
	lib/ct-l4-sctp.c \
	lib/ct-l4-tcp.c \
	lib/ct-l4-tcp.h \
	lib/ct-l4-udp.c \
	lib/ct-per.c \
	lib/ct-per.h \
	lib/ct-tcp-window.c \
	lib/ct-tcp-window.h

# The tracker.
lib_libtrackway_a_SOURCES += \
	lib/ct.c \
	lib/ct.h \
	lib/ct-commit.c \
	lib/ct-commit.h \
	lib/ct-copy.c \
	lib/ct-copy.h \
	lib/ct-counters.c \
	lib/ct-counters.h \
	lib/ct-dump.c \
	lib/ct-dump.h \
	lib/ct-event.c \
	lib/ct-event.h \
	lib/ct-event-type.h \
	lib/ct-evict.c \
	lib/ct-evict.h \
	lib/ct-feed.c \
	lib/ct-feed.h \
	lib/ct-find.c \
	lib/ct-find.h \
	lib/ct-frag-cut.c \
	lib/ct-frag-cut.h \
	lib/ct-frag.c \
	lib/ct-frag.h \
	lib/ct-metadata.c \
	lib/ct-metadata.h \
	lib/ct-packet.c \
	lib/ct-packet.h \
	lib/ct-packet-inline.h \
	lib/ct-pressure.c \
	lib/ct-pressure.h \
	lib/ct-refuse.c \
	lib/ct-refuse.h \
	lib/ct-request.c \
	lib/ct-request.h \
	lib/ct-segment.c \
	lib/ct-segment.h \
	lib/ct-step.c \
	lib/ct-step.h \
	lib/ct-switch.c \
	lib/ct-switch.h \
	lib/ct-sysctl.h \
	lib/ct-timeout.c \
	lib/ct-timeout.h \
	lib/ct-timeout-set.c \
	lib/ct-tracker.c \
	lib/ct-tracker.h \
	lib/ct-join.h \
	lib/ct-joint.c \
	lib/ct-joint.h \
	lib/ct-limit.c \
	lib/ct-limit.h \
	lib/ct-log-zones.c \
	lib/ct-log-zones.h \
	lib/ct-trial.c \
	lib/ct-trial.h \
	lib/ct-track.c \
	lib/ct-track.h \
	lib/ct-why.c \
	lib/ct-why.h \
	lib/ct-why-private.h \
	lib/ct-why-remedy.c \
	lib/ct-zone.c \
	lib/ct-zone.h

# Helpers and expectations.
lib_libtrackway_a_SOURCES += \
	lib/ct-expect.c \
	lib/ct-expect.h \
	lib/ct-help.h \
	lib/ct-help-expect.c \
	lib/ct-help-turn.c \
	lib/ct-help-turn.h \
	lib/ct-helper.c \
	lib/ct-helper.h \
	lib/ct-helper-again.c \
	lib/ct-helper-again.h \
	lib/ct-helper-amanda.c \
	lib/ct-helper-broadcast.c \
	lib/ct-helper-broadcast.h \
	lib/ct-helper-ftp.c \
	lib/ct-helper-irc.c \
	lib/ct-helper-netbios-ns.c \
	lib/ct-helper-policy.c \
	lib/ct-helper-policy.h \
	lib/ct-helper-pptp.c \
	lib/ct-helper-sip.c \
	lib/ct-helper-sip.h \
	lib/ct-helper-sip-held.c \
	lib/ct-helper-sip-held.h \
	lib/ct-helper-sip-message.c \
	lib/ct-helper-sip-message.h \
	lib/ct-helper-sip-nat.c \
	lib/ct-helper-sip-sdp.c \
	lib/ct-helper-sip-sdp.h \
	lib/ct-helper-sane.c \
	lib/ct-helper-snmp.c \
	lib/ct-helper-h323-h245.c \
	lib/ct-helper-h323-q931.c \
	lib/ct-helper-h323-ras.c \
	lib/ct-helper-tftp.c \
	lib/ct-mangle.c \
	lib/ct-mangle.h \
	lib/ct-replica.c \
	lib/ct-replica.h \
	lib/ct-save.c \
	lib/ct-save.h \
	lib/ct-pptp-message.c \
	lib/ct-pptp-message.h \
	lib/ct-seqadj.c \
	lib/ct-seqadj.h

# Address translation.
lib_libtrackway_a_SOURCES += \
	lib/ct-nat.c \
	lib/ct-nat.h \
	lib/ct-nat-port.c \
	lib/ct-nat-port.h \
	lib/ct-nat-search.c \
	lib/ct-nat-search.h \
	lib/ct-nat-source.c \
	lib/ct-nat-source.h \
	lib/ct-rewrite.c \
	lib/ct-rewrite.h

# Tuples, records, tables, deadlines.
lib_libtrackway_a_SOURCES += \
	lib/ct-bucket.c \
	lib/ct-bucket.h \
	lib/ct-census.c \
	lib/ct-census.h \
	lib/ct-chunk.c \
	lib/ct-chunk.h \
	lib/ct-conn.c \
	lib/ct-conn.h \
	lib/ct-hash.c \
	lib/ct-hash.h \
	lib/ct-id.c \
	lib/ct-id.h \
	lib/ct-news.c \
	lib/ct-news.h \
	lib/ct-pages.c \
	lib/ct-pages.h \
	lib/ct-spin.h \
	lib/ct-table.c \
	lib/ct-table.h \
	lib/ct-table-batch.h \
	lib/ct-table-private.h \
	lib/ct-table-walk.c \
	lib/ct-tally.h \
	lib/ct-text.h \
	lib/ct-tuple.c \
	lib/ct-tuple.h \
	lib/ct-wheel.c \
	lib/ct-wheel.h

# What is told to, and asked from, outside.
lib_libtrackway_a_SOURCES += \
	lib/ct-change.c \
	lib/ct-change.h \
	lib/ct-expect-list.c \
	lib/ct-expect-list.h \
	lib/ct-expect-port.c \
	lib/ct-expect-port.h \
	lib/ct-filter.c \
	lib/ct-filter.h \
	lib/ct-filter-netlink.c \
	lib/ct-insert.c \
	lib/ct-ipfix.c \
	lib/ct-ipfix.h \
	lib/ct-netlink.c \
	lib/ct-netlink.h \
	lib/ct-netlink-conn.c \
	lib/ct-netlink-expect.c \
	lib/ct-netlink-state.c \
	lib/ct-netlink-top.c \
	lib/ct-query.c \
	lib/ct-query.h \
	lib/ct-query-conn.c \
	lib/ct-query-event.c \
	lib/ct-query-expect.c \
	lib/ct-query-expect-new.c \
	lib/ct-query-private.h \
	lib/ct-query-top.c \
	lib/ct-talkers.c \
	lib/ct-talkers.h \
	lib/ct-top.c \
	lib/ct-top.h
