# SPDX-License-Identifier: Apache-2.0
#
# The daemon and the commands.

# Named after what it replaces: pidfile, control socket and scripts stay.
sbin_PROGRAMS += utilities/ovs-vswitchd

utilities_ovs_vswitchd_SOURCES = \
	utilities/ovs-vswitchd.c
utilities_ovs_vswitchd_LDADD = $(OVS_VSWITCHD_OBJS) $(TW_LIBS)
utilities_ovs_vswitchd_DEPENDENCIES = \
	$(OVS_VSWITCHD_OBJS) \
	$(TW_ARCHIVES) \
	$(OVS_ARCHIVES)

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
