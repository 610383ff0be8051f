# SPDX-License-Identifier: Apache-2.0
#
# Autotest suites and the programs they run.
#
# A unit test of lib/ct-x is a program of its own:
#
#     check_PROGRAMS += tests/test-ct-x
#     tests_test_ct_x_SOURCES = tests/test-ct-x.c
#
# and a file tests/ct-x.at in TESTSUITE_AT, which tests/testsuite.at includes.
# Programs link the tracker; one that needs the datapath or the provider adds
#
#     tests_test_tw_x_LDADD = $(TW_LIBS)

TESTSUITE_AT = \
	tests/testsuite.at \
	tests/check-format.at \
	tests/ovs-vswitchd.at \
	tests/documentation.at \
	tests/ct-l4.at \
	tests/ct-table.at \
	tests/tw-port.at \
	tests/tw-flow.at \
	tests/tw-schedule.at

SYSTEM_TESTSUITE_AT = \
	tests/system-testsuite.at

# What the groups of the system tests run, see tests/ns-run.
EXTRA_DIST += \
	tests/ns-leftovers \
	tests/ns-lib.sh \
	tests/ns-listed \
	tests/ns-run \
	tests/ns-throughput \
	tests/ns-tool.py \
	tests/system-controllers.sh \
	tests/system-ct-log.sh \
	tests/system-ct-rate.sh \
	tests/system-ct-tool.sh \
	tests/system-daemon.sh \
	tests/system-dpctl.sh \
	tests/system-faults.sh \
	tests/system-guide.sh \
	tests/system-harness.sh \
	tests/pptp-talk.py \
	tests/top-terminal.py \
	tests/system-helper.sh \
	tests/system-helper-pptp.sh \
	tests/system-helper-sip.sh \
	tests/system-helper-kernel.sh \
	tests/system-helper-peers.sh \
	tests/system-metrics.sh \
	tests/system-nat.sh \
	tests/system-peers.sh \
	tests/system-persist.sh \
	tests/system-ports.sh \
	tests/system-privilege.sh \
	tests/system-settings.sh \
	tests/system-standby.sh \
	tests/system-throughput.sh \
	tests/system-top.sh \
	tests/system-traffic.sh \
	tests/system-traffic-device.sh \
	tests/system-tunnel.sh \
	tests/system-why.sh

EXTRA_DIST += \
	$(TESTSUITE_AT) \
	$(SYSTEM_TESTSUITE_AT) \
	tests/atlocal.in \
	tests/check-format \
	tests/check-reference \
	tests/helper/amanda.txt \
	tests/helper/dcc \
	tests/helper/ftp.txt \
	tests/helper/ftp6.txt \
	tests/helper/h323.txt \
	tests/helper/irc.txt \
	tests/helper/netbios-ns.txt \
	tests/helper/play \
	tests/helper/pptp-ppp \
	tests/helper/ras.txt \
	tests/helper/sane.txt \
	tests/helper/sip-messages.txt \
	tests/helper/sip-tcp.txt \
	tests/helper/sip.txt \
	tests/helper/snmp-broadcast.txt \
	tests/helper/snmp-trap.txt \
	tests/helper/snmp.txt \
	tests/helper/tftp.txt \
	tests/helper/trackers.py \
	tests/helper/words.py \
	tests/lsan.supp \
	tests/tcp/again.txt \
	tests/tcp/close.txt \
	tests/tcp/odd.txt \
	tests/tcp/open.txt \
	tests/tcp/reset.txt \
	tests/tcp/switches.txt \
	tests/tcp/window.txt

DISTCLEANFILES += tests/atconfig tests/atlocal
CLEANFILES += tests/package.m4 tests/testsuite tests/system-testsuite

# Ours first, then what the OVS build provides.
AUTOTEST_PATH = utilities:tests:tests/fuzz:$(OVS_BUILDDIR)/utilities:$(OVS_BUILDDIR)/ovsdb:$(OVS_BUILDDIR)/tests
AUTOTEST = $(AUTOM4TE) --language=autotest

tests/package.m4: $(top_srcdir)/configure.ac
	$(AM_V_GEN)$(MKDIR_P) tests && { \
	  echo 'm4_define([AT_PACKAGE_NAME],      [$(PACKAGE_NAME)])' && \
	  echo 'm4_define([AT_PACKAGE_TARNAME],   [$(PACKAGE_TARNAME)])' && \
	  echo 'm4_define([AT_PACKAGE_VERSION],   [$(PACKAGE_VERSION)])' && \
	  echo 'm4_define([AT_PACKAGE_STRING],    [$(PACKAGE_STRING)])' && \
	  echo 'm4_define([AT_PACKAGE_BUGREPORT], [$(PACKAGE_BUGREPORT)])'; \
	} > $@

tests/testsuite: tests/package.m4 $(TESTSUITE_AT)
	$(AM_V_GEN)$(AUTOTEST) -I tests -I '$(srcdir)/tests' -I '$(srcdir)' \
	    -o $@.tmp '$(srcdir)/tests/testsuite.at' && mv $@.tmp $@

tests/system-testsuite: tests/package.m4 $(SYSTEM_TESTSUITE_AT)
	$(AM_V_GEN)$(AUTOTEST) -I tests -I '$(srcdir)/tests' -I '$(srcdir)' \
	    -o $@.tmp '$(srcdir)/tests/system-testsuite.at' && mv $@.tmp $@

# Unit tests.  Arguments: make check TESTSUITEFLAGS='-k ct-nat -v'
CHECK_LOCAL += check-unit
PHONY += check-unit
check-unit: all tests/testsuite tests/atlocal $(check_PROGRAMS)
	$(SHELL) tests/testsuite -C tests AUTOTEST_PATH=$(AUTOTEST_PATH) \
	    $(TESTSUITEFLAGS)

# Network-namespace tests: real clients and servers.  Needs root.
PHONY += check-system
check-system: all tests/system-testsuite tests/atlocal $(check_PROGRAMS)
	@set -- $(SHELL) tests/system-testsuite -C tests \
	    AUTOTEST_PATH=$(AUTOTEST_PATH); \
	"$$@" $(TESTSUITEFLAGS) || \
	    (test X'$(RECHECK)' = Xyes && echo "what failed, again:" && \
	     "$$@" --recheck)

CLEAN_LOCAL += clean-tests
PHONY += clean-tests
clean-tests:
	test ! -f tests/testsuite || \
	    $(SHELL) tests/testsuite -C tests --clean
	test ! -f tests/system-testsuite || \
	    $(SHELL) tests/system-testsuite -C tests --clean

# OVS's own suites on our datapath type, for instance
#     make check-ovs-system TESTSUITEFLAGS='-k conntrack -j2'
#     make check-ovs-unit TESTSUITEFLAGS='-k ofproto-dpif -j2'
# DATAPATH=netdev runs the same on stock; DAEMON=stock with OVS's own daemon.
EXTRA_DIST += \
	tests/ovs-suite \
	tests/ovs-suite-compare \
	tests/ovs-suite-exempt

OVS_SUITE_ENV = \
	OVS_SRCDIR='$(OVS_SRCDIR)' OVS_BUILDDIR='$(OVS_BUILDDIR)' \
	BUILDDIR='$(abs_builddir)' AUTOM4TE='$(AUTOM4TE)' \
	PYTHON3='$(PYTHON3)' DATAPATH='$(DATAPATH)' DAEMON='$(DAEMON)' \
	RECHECK='$(RECHECK)'
DATAPATH = trackway
DAEMON = ours
RECHECK = no

PHONY += check-ovs-system check-ovs-unit
check-ovs-system: all
	$(OVS_SUITE_ENV) $(srcdir)/tests/ovs-suite system $(TESTSUITEFLAGS)
check-ovs-unit: all
	$(OVS_SUITE_ENV) $(srcdir)/tests/ovs-suite unit $(TESTSUITEFLAGS)

# Runs a suite on stock and on ours; lists what passes on stock alone.
PHONY += compare-ovs-system compare-ovs-unit
compare-ovs-system: all
	$(OVS_SUITE_ENV) $(srcdir)/tests/ovs-suite-compare system \
	    $(TESTSUITEFLAGS)
compare-ovs-unit: all
	$(OVS_SUITE_ENV) $(srcdir)/tests/ovs-suite-compare unit \
	    $(TESTSUITEFLAGS)

check_PROGRAMS += \
	tests/test-tw-config \
	tests/test-tw-port \
	tests/test-tw-schedule \
	tests/test-tw-stats
tests_test_tw_config_SOURCES = tests/test-tw-config.c
tests_test_tw_config_LDADD = $(TW_LIBS)
tests_test_tw_port_SOURCES = tests/test-tw-port.c
tests_test_tw_port_LDADD = $(TW_LIBS)
tests_test_tw_schedule_SOURCES = tests/test-tw-schedule.c
tests_test_tw_schedule_LDADD = $(TW_LIBS)
tests_test_tw_stats_SOURCES = tests/test-tw-stats.c
tests_test_tw_stats_LDADD = $(TW_LIBS)

check_PROGRAMS += \
	tests/test-ct-icmp-error \
	tests/test-ct-l4-gre \
	tests/test-ct-l4-icmp \
	tests/test-ct-l4-sctp \
	tests/test-ct-l4-tcp \
	tests/test-ct-l4-tcp-script \
	tests/test-ct-l4-udp \
	tests/test-ct-tcp-window
tests_test_ct_icmp_error_SOURCES = \
	tests/ct-l4-test.h \
	tests/ct-test-addr.h \
	tests/test-ct-icmp-error.c
tests_test_ct_l4_gre_SOURCES = \
	tests/ct-l4-test.h \
	tests/ct-test-addr.h \
	tests/test-ct-l4-gre.c
tests_test_ct_l4_icmp_SOURCES = \
	tests/ct-l4-test.h \
	tests/ct-test-addr.h \
	tests/test-ct-l4-icmp.c
tests_test_ct_l4_sctp_SOURCES = \
	tests/ct-l4-test.h \
	tests/ct-test-addr.h \
	tests/test-ct-l4-sctp.c
tests_test_ct_l4_tcp_SOURCES = \
	tests/ct-l4-test.h \
	tests/ct-test-addr.h \
	tests/test-ct-l4-tcp.c
tests_test_ct_l4_tcp_script_SOURCES = \
	tests/ct-l4-test.h \
	tests/ct-test-addr.h \
	tests/tcp-segment-test.h \
	tests/test-ct-l4-tcp-script.c
tests_test_ct_l4_udp_SOURCES = \
	tests/ct-l4-test.h \
	tests/ct-test-addr.h \
	tests/test-ct-l4-udp.c
tests_test_ct_tcp_window_SOURCES = \
	tests/ct-l4-test.h \
	tests/ct-test-addr.h \
	tests/test-ct-tcp-window.c

# Address translation.
check_PROGRAMS += \
	tests/test-ct-nat \
	tests/test-ct-nat-packets \
	tests/test-ct-nat-port \
	tests/test-ct-rewrite
tests_test_ct_nat_SOURCES = tests/test-ct-nat.c
tests_test_ct_nat_packets_SOURCES = \
	tests/test-ct-build.h \
	tests/test-ct-nat-packets.c
tests_test_ct_nat_port_SOURCES = tests/test-ct-nat-port.c
tests_test_ct_rewrite_SOURCES = \
	tests/ct-rewrite-test.h \
	tests/test-ct-build.h \
	tests/test-ct-rewrite.c
TESTSUITE_AT += tests/ct-nat.at

check_PROGRAMS += \
	tests/test-tw-ct \
	tests/test-tw-ct-file \
	tests/test-tw-ct-source \
	tests/test-tw-lookup \
	tests/test-tw-megaflow \
	tests/test-tw-rewrite
tests_test_tw_ct_SOURCES = \
	tests/ct-test.h \
	tests/test-tw-ct.c
tests_test_tw_ct_LDADD = $(TW_LIBS)
tests_test_tw_ct_file_SOURCES = \
	tests/ct-test.h \
	tests/test-tw-ct-file.c
tests_test_tw_ct_file_LDADD = $(TW_LIBS)
tests_test_tw_ct_source_SOURCES = \
	tests/ct-core-test.h \
	tests/ct-packet-test.h \
	tests/test-tw-ct-source.c
tests_test_tw_ct_source_LDADD = $(TW_LIBS)
TESTSUITE_AT += tests/tw-ct-source.at
tests_test_tw_lookup_SOURCES = tests/test-tw-lookup.c
tests_test_tw_lookup_LDADD = $(TW_LIBS)
tests_test_tw_megaflow_SOURCES = tests/test-tw-megaflow.c
tests_test_tw_megaflow_LDADD = $(TW_LIBS)
tests_test_tw_rewrite_SOURCES = \
	tests/ct-test.h \
	tests/test-tw-rewrite.c
tests_test_tw_rewrite_LDADD = $(TW_LIBS)

# The track cache.
check_PROGRAMS += \
	tests/test-tw-order \
	tests/test-tw-plain \
	tests/test-tw-track \
	tests/test-tw-track-key \
	tests/test-tw-tunnel-key
tests_test_tw_order_SOURCES = tests/test-tw-order.c
tests_test_tw_order_LDADD = $(TW_LIBS)
tests_test_tw_plain_SOURCES = \
	tests/test-tw-plain.c \
	tests/tw-frame-test.h \
	tests/tw-key-test.h
tests_test_tw_plain_LDADD = $(TW_LIBS)
tests_test_tw_track_key_SOURCES = \
	tests/test-tw-track-key.c \
	tests/tw-frame-test.h \
	tests/tw-key-test.h
tests_test_tw_track_key_LDADD = $(TW_LIBS)
tests_test_tw_track_SOURCES = tests/test-tw-track.c
tests_test_tw_track_LDADD = $(TW_LIBS)
tests_test_tw_tunnel_key_SOURCES = tests/test-tw-tunnel-key.c
tests_test_tw_tunnel_key_LDADD = $(TW_LIBS)
TESTSUITE_AT += tests/tw-track.at

# Commands of ovs-appctl.
check_PROGRAMS += tests/test-dpif-tw-dpctl-check
tests_test_dpif_tw_dpctl_check_SOURCES = tests/test-dpif-tw-dpctl-check.c
tests_test_dpif_tw_dpctl_check_LDADD = $(TW_LIBS)
TESTSUITE_AT += tests/dpif-tw.at

# What is told to, and asked from, outside.
check_PROGRAMS += \
	tests/test-ct-ipfix \
	tests/test-ct-netlink \
	tests/test-ct-query \
	tests/test-ct-query-change \
	tests/test-ct-query-expect
tests_test_ct_ipfix_SOURCES = \
	tests/test-ct-ipfix.c
tests_test_ct_netlink_SOURCES = \
	tests/test-ct-netlink.c
tests_test_ct_query_SOURCES = \
	tests/ct-core-test.h \
	tests/ct-packet-test.h \
	tests/ct-query-test.h \
	tests/test-ct-query.c
tests_test_ct_query_change_SOURCES = \
	tests/ct-core-test.h \
	tests/ct-packet-test.h \
	tests/ct-query-test.h \
	tests/test-ct-query-change.c
tests_test_ct_query_expect_SOURCES = \
	tests/ct-core-test.h \
	tests/ct-packet-test.h \
	tests/ct-query-test.h \
	tests/test-ct-query-expect.c
TESTSUITE_AT += tests/ct-query.at tests/trackway-ct.at
EXTRA_DIST += tests/ipfix.py

# Helpers and expectations.
check_PROGRAMS += \
	tests/test-ct-expect \
	tests/test-ct-help \
	tests/test-ct-help-expect \
	tests/test-ct-help-port \
	tests/test-ct-help-replace \
	tests/test-ct-helper-ftp \
	tests/test-ct-helper-pptp \
	tests/test-ct-helper-sip \
	tests/test-ct-helper-sip-held \
	tests/test-ct-helper-nat \
	tests/test-ct-helper-small \
	tests/test-ct-helper-h323 \
	tests/test-ct-per \
	tests/test-ct-seqadj
tests_test_ct_expect_SOURCES = \
	tests/ct-core-test.h \
	tests/ct-expect-test.h \
	tests/ct-packet-test.h \
	tests/test-ct-expect.c
tests_test_ct_help_SOURCES = \
	tests/ct-core-test.h \
	tests/ct-expect-test.h \
	tests/ct-help-test.h \
	tests/ct-packet-test.h \
	tests/test-ct-help.c
tests_test_ct_help_expect_SOURCES = \
	tests/ct-core-test.h \
	tests/ct-expect-test.h \
	tests/ct-help-test.h \
	tests/ct-packet-test.h \
	tests/test-ct-help-expect.c
tests_test_ct_help_port_SOURCES = \
	tests/ct-core-test.h \
	tests/ct-expect-test.h \
	tests/ct-help-test.h \
	tests/ct-packet-test.h \
	tests/test-ct-help-port.c
# Who releases a port holds no spin lock: the test looks.
tests_test_ct_help_port_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=ct_nat_port_release
tests_test_ct_help_replace_SOURCES = \
	tests/ct-core-test.h \
	tests/ct-expect-test.h \
	tests/ct-help-test.h \
	tests/ct-packet-test.h \
	tests/test-ct-help-replace.c
tests_test_ct_helper_ftp_SOURCES = \
	tests/ct-helper-test.h \
	tests/ct-test-addr.h \
	tests/ct-test.h \
	tests/test-ct-helper-ftp.c
tests_test_ct_helper_pptp_SOURCES = \
	tests/ct-pptp-test.h \
	tests/ct-core-test.h \
	tests/ct-expect-test.h \
	tests/ct-packet-test.h \
	tests/test-ct-helper-pptp.c
tests_test_ct_helper_sip_SOURCES = \
	tests/ct-helper-test.h \
	tests/ct-test-addr.h \
	tests/ct-test.h \
	tests/test-ct-helper-sip.c
tests_test_ct_helper_sip_held_SOURCES = \
	tests/ct-helper-test.h \
	tests/ct-test.h \
	tests/test-ct-helper-sip-held.c
tests_test_ct_helper_nat_SOURCES = \
	tests/ct-core-test.h \
	tests/ct-expect-test.h \
	tests/ct-packet-test.h \
	tests/test-ct-helper-nat.c
tests_test_ct_helper_small_SOURCES = \
	tests/ct-helper-test.h \
	tests/ct-test-addr.h \
	tests/ct-test.h \
	tests/test-ct-helper-small.c
tests_test_ct_helper_h323_SOURCES = \
	tests/ct-helper-test.h \
	tests/ct-test-addr.h \
	tests/ct-test.h \
	tests/test-ct-helper-h323.c
tests_test_ct_per_SOURCES = \
	tests/ct-test.h \
	tests/test-ct-per.c
tests_test_ct_seqadj_SOURCES = \
	tests/ct-test.h \
	tests/test-ct-seqadj.c
EXTRA_DIST += tests/h323-messages tests/h323-vectors
TESTSUITE_AT += tests/ct-helper.at

# The tracker as a whole.
check_PROGRAMS += \
	tests/test-ct-core \
	tests/test-ct-event \
	tests/test-ct-evict \
	tests/test-ct-flood \
	tests/test-ct-frag \
	tests/test-ct-frag-cut \
	tests/test-ct-fuzz \
	tests/test-ct-joint \
	tests/test-ct-life \
	tests/test-ct-race \
	tests/test-ct-replica \
	tests/test-ct-save \
	tests/test-ct-switch \
	tests/test-ct-top \
	tests/test-ct-why
tests_test_ct_core_SOURCES = \
	tests/ct-core-test.h \
	tests/ct-packet-test.h \
	tests/test-ct-core.c
tests_test_ct_event_SOURCES = \
	tests/ct-core-test.h \
	tests/ct-packet-test.h \
	tests/test-ct-event.c
tests_test_ct_save_SOURCES = \
	tests/ct-core-test.h \
	tests/ct-packet-test.h \
	tests/test-ct-save.c
tests_test_ct_replica_SOURCES = \
	tests/ct-core-test.h \
	tests/ct-packet-test.h \
	tests/test-ct-replica.c
tests_test_ct_joint_SOURCES = \
	tests/ct-core-test.h \
	tests/ct-packet-test.h \
	tests/test-ct-joint.c
tests_test_ct_switch_SOURCES = \
	tests/ct-core-test.h \
	tests/ct-packet-test.h \
	tests/test-ct-switch.c
tests_test_ct_top_SOURCES = \
	tests/ct-core-test.h \
	tests/ct-packet-test.h \
	tests/test-ct-top.c
tests_test_ct_why_SOURCES = \
	tests/ct-core-test.h \
	tests/ct-expect-test.h \
	tests/ct-packet-test.h \
	tests/test-ct-why.c
tests_test_ct_evict_SOURCES = \
	tests/ct-core-test.h \
	tests/ct-packet-test.h \
	tests/test-ct-evict.c
tests_test_ct_flood_SOURCES = \
	tests/ct-core-test.h \
	tests/ct-packet-test.h \
	tests/test-ct-flood.c
tests_test_ct_life_SOURCES = \
	tests/ct-core-test.h \
	tests/ct-packet-test.h \
	tests/test-ct-life.c
tests_test_ct_race_SOURCES = \
	tests/ct-core-test.h \
	tests/ct-packet-test.h \
	tests/test-ct-race.c
tests_test_ct_fuzz_SOURCES = \
	tests/ct-core-test.h \
	tests/ct-packet-test.h \
	tests/test-ct-fuzz.c
tests_test_ct_frag_SOURCES = \
	tests/ct-frag-test.h \
	tests/ct-packet-test.h \
	tests/test-ct-frag.c
tests_test_ct_frag_cut_SOURCES = \
	tests/ct-frag-test.h \
	tests/ct-packet-test.h \
	tests/test-ct-frag-cut.c
TESTSUITE_AT += tests/ct-core.at

# Tuples, records, tables, deadlines.
check_PROGRAMS += \
	tests/test-ct-chunk \
	tests/test-ct-conn \
	tests/test-ct-hash \
	tests/test-ct-news \
	tests/test-ct-table \
	tests/test-ct-tuple \
	tests/test-ct-wheel

tests_test_ct_chunk_SOURCES = tests/test-ct-chunk.c tests/ct-test.h
tests_test_ct_conn_SOURCES = tests/test-ct-conn.c tests/ct-test.h
tests_test_ct_hash_SOURCES = tests/test-ct-hash.c tests/ct-test.h
tests_test_ct_news_SOURCES = tests/test-ct-news.c tests/ct-test.h
tests_test_ct_table_SOURCES = tests/test-ct-table.c tests/ct-test.h
tests_test_ct_tuple_SOURCES = tests/test-ct-tuple.c tests/ct-test.h
tests_test_ct_wheel_SOURCES = tests/test-ct-wheel.c tests/ct-test.h

# Everything at once, for ThreadSanitizer and for long runs.
check_PROGRAMS += tests/ct-stress
tests_ct_stress_SOURCES = \
	tests/ct-stress.c \
	tests/ct-test.h \
	utilities/bench-ct-source.c \
	utilities/bench-ct-source.h

# The traffic device.
check_PROGRAMS += \
	tests/test-netdev-traffic \
	tests/test-traffic-packet
tests_test_netdev_traffic_SOURCES = \
	tests/ct-test.h \
	tests/test-netdev-traffic.c \
	tests/traffic-test.h
tests_test_netdev_traffic_LDADD = $(TW_LIBS)
tests_test_traffic_packet_SOURCES = \
	tests/ct-test.h \
	tests/test-traffic-packet.c \
	tests/traffic-test.h
tests_test_traffic_packet_LDADD = $(TW_LIBS)
TESTSUITE_AT += tests/netdev-traffic.at

EXTRA_DIST += tests/check-tsan tests/tsan.supp

# Builds OVS once more, with ThreadSanitizer, into _tsan: takes minutes.
PHONY += check-tsan
check-tsan:
	$(srcdir)/tests/check-tsan $(srcdir) $(OVS_SRCDIR) _tsan

# The track cache on and off: the same packets, statistics and connections.
# The world of the test has its own clock, chance and threads (equiv-world.c).
check_PROGRAMS += tests/test-tw-equivalence
tests_test_tw_equivalence_SOURCES = \
	tests/equiv.h \
	tests/equiv-actions.c \
	tests/equiv-change.c \
	tests/equiv-compare.c \
	tests/equiv-flow.c \
	tests/equiv-packet.c \
	tests/equiv-pipeline.c \
	tests/equiv-port.c \
	tests/equiv-rules.c \
	tests/equiv-run.c \
	tests/equiv-sabotage.c \
	tests/equiv-side.c \
	tests/equiv-traffic.c \
	tests/equiv-world.c \
	tests/test-tw-equivalence.c
tests_test_tw_equivalence_LDADD = $(TW_LIBS)
tests_test_tw_equivalence_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=coverage_run \
	-Wl,--wrap=get_entropy_or_die \
	-Wl,--wrap=ovs_thread_create \
	-Wl,--wrap=random_uint32 \
	-Wl,--wrap=time_msec \
	-Wl,--wrap=time_usec \
	-Wl,--wrap=time_wall_msec
TESTSUITE_AT += tests/tw-equivalence.at

# A long run by hand: a million packets in 200 pipelines.
PHONY += check-equivalence
EQUIVFLAGS = --pipelines=200 --packets=5000
check-equivalence: all tests/test-tw-equivalence
	tests/test-tw-equivalence $(EQUIVFLAGS)

# Fuzz targets: with the random mutations of fuzz-main.c in `make check', with
# libFuzzer by `make fuzz'.
FUZZ_TARGETS = \
	ct-frag \
	ct-helper-pptp \
	ct-helper-amanda \
	ct-helper-ftp \
	ct-helper-irc \
	ct-helper-netbios-ns \
	ct-helper-sane \
	ct-helper-snmp \
	ct-helper-tftp \
	ct-packet \
	ct-rewrite \
	ct-sequence \
	traffic-spec \
	tw-key
FUZZ_MAIN = tests/fuzz/libfuzzmain.a
FUZZ_LINK =
FUZZ_TW_LIBS = datapath/libtwdatapath.a lib/libtrackway.a $(OVS_LIBS)
FUZZ_SHARED = \
	tests/fuzz/fuzz.h \
	tests/fuzz/fuzz-ct.h \
	tests/fuzz/fuzz-helper.h \
	tests/ct-pptp-test.h \
	tests/ct-rewrite-test.h \
	tests/ct-test-addr.h \
	tests/fuzz/fuzz-sums.h
noinst_LIBRARIES += tests/fuzz/libfuzzmain.a
tests_fuzz_libfuzzmain_a_SOURCES = tests/fuzz/fuzz-main.c
check_PROGRAMS += \
	tests/fuzz/fuzz-ct-frag \
	tests/fuzz/fuzz-ct-helper-pptp \
	tests/fuzz/fuzz-ct-helper-sip \
	tests/fuzz/fuzz-ct-netlink \
	tests/fuzz/fuzz-ct-helper-amanda \
	tests/fuzz/fuzz-ct-helper-ftp \
	tests/fuzz/fuzz-ct-helper-irc \
	tests/fuzz/fuzz-ct-helper-netbios-ns \
	tests/fuzz/fuzz-ct-helper-sane \
	tests/fuzz/fuzz-ct-helper-snmp \
	tests/fuzz/fuzz-ct-helper-tftp \
	tests/fuzz/fuzz-ct-helper-h323 \
	tests/fuzz/fuzz-ct-packet \
	tests/fuzz/fuzz-ct-rewrite \
	tests/fuzz/fuzz-ct-sequence \
	tests/fuzz/fuzz-traffic-spec \
	tests/fuzz/fuzz-tw-key
tests_fuzz_fuzz_ct_frag_SOURCES = tests/fuzz/ct-frag.c $(FUZZ_SHARED)
tests_fuzz_fuzz_ct_frag_LDADD = $(FUZZ_MAIN) $(LDADD)
tests_fuzz_fuzz_ct_frag_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
tests_fuzz_fuzz_ct_helper_sip_SOURCES = \
	tests/ct-helper-test.h \
	tests/ct-test-addr.h \
	tests/fuzz/ct-helper-sip.c \
	$(FUZZ_SHARED)
tests_fuzz_fuzz_ct_helper_sip_LDADD = $(FUZZ_MAIN) $(LDADD)
tests_fuzz_fuzz_ct_helper_sip_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
tests_fuzz_fuzz_ct_netlink_SOURCES = tests/fuzz/ct-netlink.c $(FUZZ_SHARED)
tests_fuzz_fuzz_ct_netlink_LDADD = $(FUZZ_MAIN) $(LDADD)
tests_fuzz_fuzz_ct_netlink_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
tests_fuzz_fuzz_ct_helper_pptp_SOURCES = \
	tests/ct-helper-test.h \
	tests/ct-test-addr.h \
	tests/fuzz/ct-helper-pptp.c \
	$(FUZZ_SHARED)
tests_fuzz_fuzz_ct_helper_pptp_LDADD = $(FUZZ_MAIN) $(LDADD)
tests_fuzz_fuzz_ct_helper_pptp_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
tests_fuzz_fuzz_ct_helper_amanda_SOURCES = \
	tests/fuzz/ct-helper-amanda.c \
	$(FUZZ_SHARED)
tests_fuzz_fuzz_ct_helper_amanda_LDADD = $(FUZZ_MAIN) $(LDADD)
tests_fuzz_fuzz_ct_helper_amanda_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
tests_fuzz_fuzz_ct_helper_ftp_SOURCES = \
	tests/fuzz/ct-helper-ftp.c \
	$(FUZZ_SHARED)
tests_fuzz_fuzz_ct_helper_ftp_LDADD = $(FUZZ_MAIN) $(LDADD)
tests_fuzz_fuzz_ct_helper_ftp_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
tests_fuzz_fuzz_ct_helper_irc_SOURCES = \
	tests/fuzz/ct-helper-irc.c \
	$(FUZZ_SHARED)
tests_fuzz_fuzz_ct_helper_irc_LDADD = $(FUZZ_MAIN) $(LDADD)
tests_fuzz_fuzz_ct_helper_irc_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
tests_fuzz_fuzz_ct_helper_netbios_ns_SOURCES = \
	tests/fuzz/ct-helper-netbios-ns.c \
	$(FUZZ_SHARED)
tests_fuzz_fuzz_ct_helper_netbios_ns_LDADD = $(FUZZ_MAIN) $(LDADD)
tests_fuzz_fuzz_ct_helper_netbios_ns_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
tests_fuzz_fuzz_ct_helper_sane_SOURCES = \
	tests/fuzz/ct-helper-sane.c \
	$(FUZZ_SHARED)
tests_fuzz_fuzz_ct_helper_sane_LDADD = $(FUZZ_MAIN) $(LDADD)
tests_fuzz_fuzz_ct_helper_sane_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
tests_fuzz_fuzz_ct_helper_snmp_SOURCES = \
	tests/fuzz/ct-helper-snmp.c \
	$(FUZZ_SHARED)
tests_fuzz_fuzz_ct_helper_snmp_LDADD = $(FUZZ_MAIN) $(LDADD)
tests_fuzz_fuzz_ct_helper_snmp_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
tests_fuzz_fuzz_ct_helper_tftp_SOURCES = \
	tests/fuzz/ct-helper-tftp.c \
	$(FUZZ_SHARED)
tests_fuzz_fuzz_ct_helper_tftp_LDADD = $(FUZZ_MAIN) $(LDADD)
tests_fuzz_fuzz_ct_helper_tftp_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
tests_fuzz_fuzz_ct_helper_h323_SOURCES = \
	tests/ct-helper-test.h \
	tests/ct-test-addr.h \
	tests/fuzz/ct-helper-h323.c \
	$(FUZZ_SHARED)
tests_fuzz_fuzz_ct_helper_h323_LDADD = $(FUZZ_MAIN) $(LDADD)
tests_fuzz_fuzz_ct_helper_h323_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
tests_fuzz_fuzz_ct_packet_SOURCES = tests/fuzz/ct-packet.c $(FUZZ_SHARED)
tests_fuzz_fuzz_ct_packet_LDADD = $(FUZZ_MAIN) $(LDADD)
tests_fuzz_fuzz_ct_packet_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
tests_fuzz_fuzz_ct_rewrite_SOURCES = tests/fuzz/ct-rewrite.c $(FUZZ_SHARED)
tests_fuzz_fuzz_ct_rewrite_LDADD = $(FUZZ_MAIN) $(LDADD)
tests_fuzz_fuzz_ct_rewrite_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
tests_fuzz_fuzz_ct_sequence_SOURCES = tests/fuzz/ct-sequence.c $(FUZZ_SHARED)
tests_fuzz_fuzz_ct_sequence_LDADD = $(FUZZ_MAIN) $(LDADD)
tests_fuzz_fuzz_ct_sequence_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
tests_fuzz_fuzz_traffic_spec_SOURCES = tests/fuzz/traffic-spec.c $(FUZZ_SHARED)
tests_fuzz_fuzz_traffic_spec_LDADD = $(FUZZ_MAIN) $(FUZZ_TW_LIBS)
tests_fuzz_fuzz_traffic_spec_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
tests_fuzz_fuzz_tw_key_SOURCES = tests/fuzz/tw-key.c $(FUZZ_SHARED)
tests_fuzz_fuzz_tw_key_LDADD = $(FUZZ_MAIN) $(FUZZ_TW_LIBS)
tests_fuzz_fuzz_tw_key_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
TESTSUITE_AT += tests/fuzz.at
EXTRA_DIST += \
	tests/fuzz/clang.h \
	tests/fuzz/corpus \
	tests/fuzz/make-corpus \
	tests/fuzz/run

# For example: make fuzz FUZZTARGET=ct-sequence FUZZSECONDS=1800
PHONY += fuzz
FUZZTARGET = $(FUZZ_TARGETS)
FUZZSECONDS = 60
fuzz:
	FUZZSECONDS='$(FUZZSECONDS)' $(srcdir)/tests/fuzz/run $(srcdir) \
	    $(OVS_SRCDIR) $(OVS_BUILDDIR) _fuzz $(FUZZTARGET)

# The benchmark of both datapaths.
TESTSUITE_AT += tests/controllers.at
EXTRA_DIST += \
	tests/test-controllers-config.py \
	tests/test-controllers-flows.py
TESTSUITE_AT += tests/trackway-bench.at
EXTRA_DIST += tests/test-trackway-bench.py

# The tracker and the Linux kernel: the same packets, connections and frames.
# Needs root, nft and veth.  For instance
#     make check-oracle ORACLEFLAGS='--seed=7 --family=tcp --packets=200000'
check_PROGRAMS += tests/test-ct-oracle
tests_test_ct_oracle_SOURCES = \
	tests/ct-core-test.h \
	tests/ct-packet-test.h \
	tests/test-ct-oracle.c
EXTRA_DIST += \
	tests/oracle/compare.py \
	tests/oracle/ctnetlink.py \
	tests/oracle/forwarded.py \
	tests/oracle/frame.py \
	tests/oracle/generate.py \
	tests/oracle/kernel.py \
	tests/oracle/network.py \
	tests/oracle/nfnetlink.py \
	tests/oracle/outcome.py \
	tests/oracle/rules.py \
	tests/oracle/run \
	tests/oracle/script.py \
	tests/oracle/shrink.py \
	tests/oracle/talk_datagrams.py \
	tests/oracle/talk_ftp.py \
	tests/oracle/talk_sctp.py \
	tests/oracle/talk_tcp.py \
	tests/oracle/trackway.py

PHONY += check-oracle
ORACLEFLAGS =
check-oracle: all tests/test-ct-oracle
	$(PYTHON3) $(srcdir)/tests/oracle/run \
	    --tracker=tests/test-ct-oracle $(ORACLEFLAGS)
