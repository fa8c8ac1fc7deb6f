"""An application for gunicorn's dirty workers."""

import logging

from gunicorn.dirty.app import DirtyApp


class Echo(DirtyApp):
    """Says in the log that it has begun."""

    def init(self):
        logging.getLogger("site.dirty").warning("the dirty worker begins")

    def __call__(self, action, *args, **kwargs):
        return action

    def close(self):
        pass
