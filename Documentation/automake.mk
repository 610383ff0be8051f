# SPDX-License-Identifier: Apache-2.0
#
# Sphinx sources and man pages.

DOC_SOURCE =

EXTRA_DIST += $(DOC_SOURCE)
