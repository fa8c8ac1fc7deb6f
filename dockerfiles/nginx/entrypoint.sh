#!/bin/sh
# Writes nginx's configuration, with the values of this container, to the only place that can be written; runs nginx, and
# keeps what it writes within bounds. POSIX sh and what busybox has: the image may be Alpine's or Debian's.
set -eu

: "${CONFIGURATION_DIRECTORY:=/etc/django-ops}" "${RUN_DIRECTORY:=/tmp/nginx}" "${LOG_DIRECTORY:=/var/log/nginx}"
: "${WWW_DIRECTORY:=/srv/www}" "${TLS_DIRECTORY:=/run/secrets/tls}" "${ENVIRONMENT:=production}"
: "${APPLICATION:=web:8000}" "${HTTP_PORT:=8080}" "${TLS_PORT:=8443}" "${STATUS_PORT:=8081}" "${PUBLIC_TLS_PORT:=443}"
: "${WORKERS:=2}" "${MAX_BODY_SIZE:=10m}" "${READ_TIMEOUT:=60s}" "${TRUSTED_PROXIES:=}" "${LOG_KIBIBYTES:=51200}"
: "${LOG_CHECK_SECONDS:=1}" "${BODY_DIRECTORY:=$RUN_DIRECTORY/body}" "${LARGE_BODIES:=2}"
: "${SITE_NAMES:=}" "${SIGN_IN_PATHS:=}"

# shellcheck disable=SC1091 # beside this file
. "$CONFIGURATION_DIRECTORY/configure.sh"

# What nginx says goes through a filter, which is started again if it dies: the loop holds the pipe open meanwhile.
rm -f "$RUN_DIRECTORY/errors"
mkfifo "$RUN_DIRECTORY/errors"
case "$(awk -W version </dev/null 2>&1)" in mawk*) by_line='-W interactive' ;; *) by_line='' ;; esac
# shellcheck disable=SC2086 # two words, or none
until awk $by_line -f "$CONFIGURATION_DIRECTORY/errors.awk"; do sleep 1; done <"$RUN_DIRECTORY/errors" >&2 &
filter=$!

# The access log is bounded whatever comes: two files of LOG_KIBIBYTES. The kernel lets no file grow beyond that, as lines
# can come faster than anything looks; a body that waits in a file must fit as well. Ignored, the signal is an error of
# write(), which nginx tells once a minute.
trap '' XFSZ
case "$MAX_BODY_SIZE" in
  *[kK]) largest=${MAX_BODY_SIZE%?} ;;
  *[mM]) largest=$((${MAX_BODY_SIZE%?} * 1024)) ;;
  *[gG]) largest=$((${MAX_BODY_SIZE%?} * 1048576)) ;;
  *) largest=$((MAX_BODY_SIZE / 1024 + 1)) ;;
esac
[ "$largest" -gt "$LOG_KIBIBYTES" ] || largest=$LOG_KIBIBYTES
[ "$MAX_BODY_SIZE" = 0 ] || ulimit -f $((largest * 2)) # in 512 bytes

nginx -e stderr -c "$RUN_DIRECTORY/nginx.conf" 2>"$RUN_DIRECTORY/errors" &
nginx=$!
for signal in QUIT TERM INT HUP USR1; do
  # shellcheck disable=SC2064 # the name is that of now
  trap "kill -$signal $nginx" "$signal"
done

# Renamed at three quarters: what comes between two looks has the last one. Filebeat follows the file to its end.
while sleep "$LOG_CHECK_SECONDS" && kill -0 "$nginx"; do
  [ -n "$(find "$LOG_DIRECTORY" -name access.jsonl -size "+$((LOG_KIBIBYTES * 3 / 4))k")" ] || continue
  mv "$LOG_DIRECTORY/access.jsonl" "$LOG_DIRECTORY/access.1.jsonl"
  kill -USR1 "$nginx" # opens the log anew
done 2>/dev/null &

status=0
while kill -0 "$nginx" 2>/dev/null; do wait "$nginx" && status=0 || status=$?; done # a signal ends a wait
# For nginx's last words; but not for workers that live on when their master was killed: they end with the container.
(sleep 2; kill "$filter") 2>/dev/null &
wait "$filter" || :
exit "$status"
