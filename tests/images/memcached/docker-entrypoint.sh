#!/bin/sh
# Becomes memcached where it is given options, or else what it is given.
set -eu
case ${1:-} in
  -*) set -- memcached "$@" ;;
esac
exec "$@"
