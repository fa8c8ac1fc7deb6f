#!/bin/sh
# Becomes redis-server where it is given options or a configuration, or else what it is given. As root it gives /data
# to redis and continues as redis.
set -eu
case ${1:-} in
  -* | *.conf) set -- redis-server "$@" ;;
esac
if [ "${1:-}" = redis-server ] && [ "$(id -u)" = 0 ]; then
  find . ! -user redis -exec chown redis '{}' +
  exec setpriv --reuid redis --regid redis --init-groups "$0" "$@"
fi
# what redis writes is nobody else's business
[ "$(umask)" != 0022 ] || umask 0077
exec "$@"
