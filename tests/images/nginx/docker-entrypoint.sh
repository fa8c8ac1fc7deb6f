#!/bin/sh
# Runs what is in /docker-entrypoint.d, in order, before nginx: *.envsh are read, executable *.sh are run.
set -eu
case ${1:-} in
  nginx | nginx-debug)
    for part in /docker-entrypoint.d/*; do
      case $part in
        *.envsh)
          # shellcheck source=/dev/null
          if [ -x "$part" ]; then . "$part"; fi
          ;;
        *.sh) if [ -x "$part" ]; then "$part"; fi ;;
      esac
    done
    ;;
esac
exec "$@"
