# SPDX-License-Identifier: Apache-2.0
#
# The way of a packet.

noinst_LIBRARIES += datapath/libtwdatapath.a

datapath_libtwdatapath_a_SOURCES = \
	datapath/tw-datapath.c \
	datapath/tw-datapath.h \
	datapath/tw-output.c \
	datapath/tw-output.h \
	datapath/tw-port.c \
	datapath/tw-port.h \
	datapath/tw-reconfigure.c \
	datapath/tw-reconfigure.h \
	datapath/tw-schedule.c \
	datapath/tw-schedule.h \
	datapath/tw-stats.c \
	datapath/tw-stats.h \
	datapath/tw-thread.c \
	datapath/tw-thread.h
