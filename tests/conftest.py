"""What all tests share."""

import hypothesis

# a busy machine is no failure: what must be fast is measured by the benchmarks
hypothesis.settings.register_profile("ops", deadline=None)
hypothesis.settings.load_profile("ops")
