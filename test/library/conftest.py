"""
The tests of the library: no Salt.
"""

import hypothesis

# A busy machine is no defect.
hypothesis.settings.register_profile("project", deadline=None)
hypothesis.settings.load_profile("project")
