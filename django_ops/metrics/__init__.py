"""The metrics sink: a finished record becomes numbers, and the numbers of all slots become one exposition."""
