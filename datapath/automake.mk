# SPDX-License-Identifier: Apache-2.0
#
# The way of a packet.

noinst_LIBRARIES += datapath/libtwdatapath.a

datapath_libtwdatapath_a_SOURCES = \
	datapath/tw-actions.c \
	datapath/tw-actions.h \
	datapath/tw-actions-check.c \
	datapath/tw-actions-check.h \
	datapath/tw-bond.c \
	datapath/tw-bond.h \
	datapath/tw-cache.c \
	datapath/tw-cache.h \
	datapath/tw-cache-format.c \
	datapath/tw-cache-format.h \
	datapath/tw-compile.c \
	datapath/tw-compile.h \
	datapath/tw-context.c \
	datapath/tw-context.h \
	datapath/tw-ct.c \
	datapath/tw-ct.h \
	datapath/tw-ct-config.c \
	datapath/tw-ct-config.h \
	datapath/tw-datapath.c \
	datapath/tw-datapath.h \
	datapath/tw-drop.c \
	datapath/tw-drop.h \
	datapath/tw-execute.c \
	datapath/tw-execute.h \
	datapath/tw-group.h \
	datapath/tw-input.c \
	datapath/tw-iterations.c \
	datapath/tw-iterations.h \
	datapath/tw-learn.c \
	datapath/tw-lookup.c \
	datapath/tw-lookup.h \
	datapath/tw-megaflow.c \
	datapath/tw-megaflow.h \
	datapath/tw-megaflow-dump.c \
	datapath/tw-megaflow-format.c \
	datapath/tw-megaflow-format.h \
	datapath/tw-megaflow-log.c \
	datapath/tw-megaflow-log.h \
	datapath/tw-meter.c \
	datapath/tw-meter.h \
	datapath/tw-metrics.c \
	datapath/tw-metrics.h \
	datapath/tw-order.c \
	datapath/tw-order.h \
	datapath/tw-output.c \
	datapath/tw-output.h \
	datapath/tw-packet.c \
	datapath/tw-packet.h \
	datapath/tw-parse.c \
	datapath/tw-parse.h \
	datapath/tw-passage.h \
	datapath/tw-plain.c \
	datapath/tw-plain.h \
	datapath/tw-port.c \
	datapath/tw-port.h \
	datapath/tw-program.c \
	datapath/tw-program.h \
	datapath/tw-programs.c \
	datapath/tw-programs.h \
	datapath/tw-recirc.c \
	datapath/tw-recirc.h \
	datapath/tw-reconfigure.c \
	datapath/tw-reconfigure.h \
	datapath/tw-rewrite.c \
	datapath/tw-rewrite.h \
	datapath/tw-schedule.c \
	datapath/tw-schedule.h \
	datapath/tw-shortcut.c \
	datapath/tw-shortcut.h \
	datapath/tw-smc.c \
	datapath/tw-smc.h \
	datapath/tw-stats.c \
	datapath/tw-stats.h \
	datapath/tw-stretch.c \
	datapath/tw-stretch.h \
	datapath/tw-subtable.h \
	datapath/tw-thread.c \
	datapath/tw-thread.h \
	datapath/tw-track.c \
	datapath/tw-track.h \
	datapath/tw-track-key.c \
	datapath/tw-track-key.h \
	datapath/tw-tunnel.c \
	datapath/tw-tunnel.h \
	datapath/tw-tunnel-key.c \
	datapath/tw-tunnel-key.h \
	datapath/tw-upcall.c \
	datapath/tw-upcall.h \
	datapath/tw-walk.c \
	datapath/tw-walk.h

# The in-memory traffic device, a netdev class.
datapath_libtwdatapath_a_SOURCES += \
	datapath/netdev-traffic.c \
	datapath/netdev-traffic.h \
	datapath/traffic-deliver.c \
	datapath/traffic-deliver.h \
	datapath/traffic-device.c \
	datapath/traffic-device.h \
	datapath/traffic-make.c \
	datapath/traffic-make.h \
	datapath/traffic-packet.c \
	datapath/traffic-packet.h \
	datapath/traffic-pair.c \
	datapath/traffic-pair.h \
	datapath/traffic-pcap.c \
	datapath/traffic-pcap.h \
	datapath/traffic-pick.c \
	datapath/traffic-pick.h \
	datapath/traffic-plan.c \
	datapath/traffic-plan.h \
	datapath/traffic-pool.c \
	datapath/traffic-pool.h \
	datapath/traffic-spec.c \
	datapath/traffic-spec.h \
	datapath/traffic-tuple.c \
	datapath/traffic-tuple.h \
	datapath/traffic-unixctl.c \
	datapath/traffic-unixctl.h \
	datapath/traffic-write.h
