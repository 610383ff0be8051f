# SPDX-License-Identifier: Apache-2.0
#
# The daemon and the commands.

# Named after what it replaces: pidfile, control socket and scripts stay.
sbin_PROGRAMS += utilities/ovs-vswitchd

utilities_ovs_vswitchd_SOURCES = \
	utilities/ovs-vswitchd.c
utilities_ovs_vswitchd_LDADD = $(OVS_VSWITCHD_OBJS) $(TW_LIBS)
# OVS's commands are registered by way of ofproto/dpif-tw-dpctl.c.
utilities_ovs_vswitchd_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=unixctl_command_register
utilities_ovs_vswitchd_DEPENDENCIES = \
	$(OVS_VSWITCHD_OBJS) \
	$(TW_ARCHIVES) \
	$(OVS_ARCHIVES)

# conntrack(8)'s words for our connections.
bin_PROGRAMS += utilities/trackway-ct

utilities_trackway_ct_SOURCES = \
	utilities/trackway-ct.c \
	utilities/trackway-ct.h \
	utilities/trackway-ct-check.c \
	utilities/trackway-ct-collector.c \
	utilities/trackway-ct-event.c \
	utilities/trackway-ct-expect.c \
	utilities/trackway-ct-json.c \
	utilities/trackway-ct-load.c \
	utilities/trackway-ct-log.c \
	utilities/trackway-ct-options.c \
	utilities/trackway-ct-put.c \
	utilities/trackway-ct-queue.c \
	utilities/trackway-ct-queue.h \
	utilities/trackway-ct-request.c \
	utilities/trackway-ct-save.c \
	utilities/trackway-ct-signal.c \
	utilities/trackway-ct-sink.c \
	utilities/trackway-ct-sink.h \
	utilities/trackway-ct-socket.c \
	utilities/trackway-ct-text.c \
	utilities/trackway-ct-top.c \
	utilities/trackway-ct-top.h \
	utilities/trackway-ct-top-keys.c \
	utilities/trackway-ct-top-screen.c \
	utilities/trackway-ct-top-text.c \
	utilities/trackway-ct-usage.c \
	utilities/trackway-ct-values.c \
	utilities/trackway-ct-xml.c

# Of every program that is installed, and of what the daemon has more.
dist_man_MANS += \
	utilities/trackway.8 \
	utilities/trackway-bench.8 \
	utilities/trackway-ct.8 \
	utilities/trackway-exporter.8 \
	utilities/trackway-firewall.8 \
	utilities/trackway-lb.8 \
	utilities/trackway-nat.8

# bash-completion loads a file by the name of its command.
completiondir = $(datadir)/bash-completion/completions
EXTRA_DIST += utilities/trackway-ct-completion.bash
install-data-local: install-completion
uninstall-local: uninstall-completion
PHONY += install-completion uninstall-completion
install-completion:
	$(MKDIR_P) '$(DESTDIR)$(completiondir)'
	$(INSTALL_DATA) '$(srcdir)/utilities/trackway-ct-completion.bash' \
	    '$(DESTDIR)$(completiondir)/trackway-ct'
uninstall-completion:
	rm -f '$(DESTDIR)$(completiondir)/trackway-ct'

EXTRA_DIST += \
	utilities/quickstart \
	utilities/trackway-demo

# Our tracker against stock's.  Arguments: make bench-ct BENCHFLAGS=--quick
EXTRA_PROGRAMS += utilities/bench-ct
CLEANFILES += utilities/bench-ct$(EXEEXT)

utilities_bench_ct_SOURCES = \
	utilities/bench-ct.c \
	utilities/bench-ct-growth.c \
	utilities/bench-ct-growth.h \
	utilities/bench-ct-report.c \
	utilities/bench-ct-report.h \
	utilities/bench-ct-source.c \
	utilities/bench-ct-source.h

PHONY += bench-ct
bench-ct: utilities/bench-ct$(EXEEXT)
	utilities/bench-ct$(EXEEXT) $(BENCHFLAGS)

# Both datapaths in one daemon.  The modules and the recorded flows stand beside
# each other in the source tree and where they are installed.
dist_bin_SCRIPTS = utilities/trackway-bench
benchmoduledir = $(pkgdatadir)/trackway_bench
dist_benchmodule_DATA = \
	utilities/trackway_bench/__init__.py \
	utilities/trackway_bench/acl.py \
	utilities/trackway_bench/chart.py \
	utilities/trackway_bench/daemon.py \
	utilities/trackway_bench/figures.py \
	utilities/trackway_bench/ovn.py \
	utilities/trackway_bench/pipelines.py \
	utilities/trackway_bench/report.py \
	utilities/trackway_bench/rounds.py
benchdatadir = $(pkgdatadir)/bench-data
dist_benchdata_DATA = utilities/bench-data/ovn.flows
EXTRA_DIST += utilities/bench-data/record-ovn

# Metrics over HTTP, and a dashboard for Grafana that shows them.
dist_bin_SCRIPTS += utilities/trackway-exporter
dist_pkgdata_DATA = utilities/trackway-dashboard.json

# OpenFlow controllers, over os-ken.
dist_bin_SCRIPTS += \
	utilities/trackway-firewall \
	utilities/trackway-lb \
	utilities/trackway-nat
controllersdir = $(pkgdatadir)/trackway_controllers
dist_controllers_DATA = \
	utilities/trackway_controllers/__init__.py \
	utilities/trackway_controllers/app.py \
	utilities/trackway_controllers/config.py \
	utilities/trackway_controllers/ct_flush.py \
	utilities/trackway_controllers/firewall_app.py \
	utilities/trackway_controllers/firewall_config.py \
	utilities/trackway_controllers/firewall_flows.py \
	utilities/trackway_controllers/health.py \
	utilities/trackway_controllers/lb_app.py \
	utilities/trackway_controllers/lb_config.py \
	utilities/trackway_controllers/lb_flows.py \
	utilities/trackway_controllers/nat_app.py \
	utilities/trackway_controllers/nat_config.py \
	utilities/trackway_controllers/nat_flows.py \
	utilities/trackway_controllers/neighbour.py \
	utilities/trackway_controllers/openflow.py \
	utilities/trackway_controllers/packets.py \
	utilities/trackway_controllers/ranges.py \
	utilities/trackway_controllers/run.py \
	utilities/trackway_controllers/switch.py
