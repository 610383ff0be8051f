# SPDX-License-Identifier: Apache-2.0
#
# Sphinx sources and man pages.

DOC_SOURCE = \
	Documentation/architecture.rst \
	Documentation/conf.py \
	Documentation/connection-log.rst \
	Documentation/ct-protocol.rst \
	Documentation/controllers.rst \
	Documentation/features.rst \
	Documentation/helpers.rst \
	Documentation/index.rst \
	Documentation/install.rst \
	Documentation/intro.rst \
	Documentation/metrics.rst \
	Documentation/migrate-conntrack.rst \
	Documentation/migrate-netdev.rst \
	Documentation/operators-guide.rst \
	Documentation/performance.rst \
	Documentation/persistence.rst \
	Documentation/reference.rst \
	Documentation/security.rst \
	Documentation/standby.rst \
	Documentation/testing.rst \
	Documentation/tuning.rst \
	Documentation/track-cache.rst \
	Documentation/trackway-ct.rst \
	Documentation/traffic.rst \
	Documentation/tutorial.rst \
	Documentation/why.rst

EXTRA_DIST += $(DOC_SOURCE)

# HTML in Documentation/html of the build directory; a warning is an error.
PHONY += docs
docs:
	@test '$(SPHINX_BUILD)' != no || \
	    { echo "docs: sphinx-build is not installed" >&2; exit 1; }
	$(SPHINX_BUILD) -q -W --keep-going -b html \
	    -d Documentation/doctrees '$(srcdir)/Documentation' \
	    Documentation/html

CLEAN_LOCAL += clean-docs
PHONY += clean-docs
clean-docs:
	rm -rf Documentation/doctrees Documentation/html
