# SPDX-License-Identifier: Apache-2.0
#
# The dpif provider.

noinst_LIBRARIES += ofproto/libtwdpif.a

ofproto_libtwdpif_a_SOURCES = \
	ofproto/dpif-trackway.c \
	ofproto/dpif-trackway.h \
	ofproto/dpif-tw-ct.c \
	ofproto/dpif-tw-ct-file.c \
	ofproto/dpif-tw-ct-unixctl.c \
	ofproto/dpif-tw-dpctl.c \
	ofproto/dpif-tw-dpctl-check.c \
	ofproto/dpif-tw-dpctl-check.h \
	ofproto/dpif-tw-execute.c \
	ofproto/dpif-tw-flow.c \
	ofproto/dpif-tw-meter.c \
	ofproto/dpif-tw-port.c \
	ofproto/dpif-tw-unixctl.c \
	ofproto/dpif-tw-unixctl-helper.c \
	ofproto/dpif-tw-unixctl-why.c \
	ofproto/dpif-tw.h
