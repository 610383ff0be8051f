# SPDX-License-Identifier: Apache-2.0
#
# Sphinx configuration.

import os
import re

here = os.path.dirname(os.path.abspath(__file__))


def version_of_tree():
    """The version in configure.ac, the only place that has it."""
    with open(os.path.join(here, '..', 'configure.ac')) as f:
        return re.search(r'AC_INIT\(\[trackway\], \[(.*?)\]\)',
                         f.read()).group(1)


project = 'Trackway'
copyright = 'the Trackway authors'
release = version = version_of_tree()

master_doc = 'index'
source_suffix = '.rst'
exclude_patterns = ['_build']
extensions = []
nitpicky = True

highlight_language = 'none'
html_theme = 'alabaster'
html_theme_options = {
    'description': 'Connection tracking for Open vSwitch, in userspace',
    'page_width': '1040px',
}
html_show_sourcelink = False
html_copy_source = False
