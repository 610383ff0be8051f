# SPDX-License-Identifier: Apache-2.0
#
# The daemon and the commands.

EXTRA_DIST += \
	utilities/quickstart
