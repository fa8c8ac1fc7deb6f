#!/bin/sh
# Writes nginx's configuration, with the values of this container, to the only place that can be written, and becomes
# nginx. POSIX sh and what busybox has: the image may be Alpine's or Debian's.
set -eu

: "${CONFIGURATION_DIRECTORY:=/etc/django-ops}" "${RUN_DIRECTORY:=/tmp/nginx}" "${LOG_DIRECTORY:=/var/log/nginx}"
: "${WWW_DIRECTORY:=/srv/www}" "${TLS_DIRECTORY:=/run/secrets/tls}" "${ENVIRONMENT:=production}"
: "${APPLICATION:=web:8000}" "${HTTP_PORT:=8080}" "${TLS_PORT:=8443}" "${STATUS_PORT:=8081}" "${PUBLIC_TLS_PORT:=443}"
: "${WORKERS:=2}" "${MAX_BODY_SIZE:=10m}" "${READ_TIMEOUT:=60s}" "${TRUSTED_PROXIES:=}" "${LOG_KIBIBYTES:=51200}"
: "${LOG_CHECK_SECONDS:=10}"

refuse() { echo "nginx does not start: $1" >&2; exit 78; }
export LC_ALL=C # so that A-Z means just that

[ -n "${RESOLVER:=$(sed -n 's/^nameserver  *\([0-9.]*\)$/\1/p' /etc/resolv.conf | head -n 1)}" ] ||
  refuse "/etc/resolv.conf names no IPv4 name server; set RESOLVER"
if [ -e "$WWW_DIRECTORY/prefix" ]; then STATIC_PREFIX=$(cat "$WWW_DIRECTORY/prefix"); else STATIC_PREFIX=/static/; fi
if [ -e "$TLS_DIRECTORY/certificate.pem" ] || [ -e "$TLS_DIRECTORY/key.pem" ]; then
  for file in certificate key; do
    [ -r "$TLS_DIRECTORY/$file.pem" ] || refuse "$TLS_DIRECTORY/$file.pem is missing, or not readable by $(id -u)"
  done
  MODE=tls
else
  [ -z "${REQUIRE_TLS:-}" ] ||
    refuse "there is no $TLS_DIRECTORY/certificate.pem: docker compose run --rm -T secrets set tls-certificate < FILE"
  MODE=plain
fi
if [ "$PUBLIC_TLS_PORT" = 443 ]; then PUBLIC_TLS_PORT=''; else PUBLIC_TLS_PORT=":$PUBLIC_TLS_PORT"; fi
TRUSTED_IN_GEO='' TRUSTED_REAL_IP='' SCRIPT=''
put() { # NAME VALUE: nothing that could end a directive
  case "$2" in *[!A-Za-z0-9_.:/-]*) refuse "$1 may not be '$2'" ;; esac
  SCRIPT="${SCRIPT}s|@$1@|$2|g;"
}
put RUN_DIRECTORY "$RUN_DIRECTORY"; put LOG_DIRECTORY "$LOG_DIRECTORY"; put TLS_DIRECTORY "$TLS_DIRECTORY"
put STATIC_DIRECTORY "$WWW_DIRECTORY/static"; put PAGES_DIRECTORY "$CONFIGURATION_DIRECTORY/pages"
put GATE_DIRECTORY "$WWW_DIRECTORY/gate"; put STATIC_PREFIX "$STATIC_PREFIX"; put ENVIRONMENT "$ENVIRONMENT"; put MODE "$MODE"
put APPLICATION "$APPLICATION"; put RESOLVER "$RESOLVER"; put WORKERS "$WORKERS"
put HTTP_PORT "$HTTP_PORT"; put TLS_PORT "$TLS_PORT"; put STATUS_PORT "$STATUS_PORT"; put PUBLIC_TLS_PORT "$PUBLIC_TLS_PORT"
put MAX_BODY_SIZE "$MAX_BODY_SIZE"; put READ_TIMEOUT "$READ_TIMEOUT"
for network in $(echo "$TRUSTED_PROXIES" | tr ',' ' '); do
  case "$network" in *[!0-9a-fA-F.:/]*) refuse "TRUSTED_PROXIES may not name '$network'" ;; esac
  TRUSTED_IN_GEO="$TRUSTED_IN_GEO $network 1;"
  TRUSTED_REAL_IP="$TRUSTED_REAL_IP set_real_ip_from $network;"
done

mkdir -p "$RUN_DIRECTORY"
for file in "$CONFIGURATION_DIRECTORY"/*.conf; do
  sed -e "$SCRIPT" -e "s|@TRUSTED_IN_GEO@|$TRUSTED_IN_GEO|" -e "s|@TRUSTED_REAL_IP@|$TRUSTED_REAL_IP|" \
    "$file" >"$RUN_DIRECTORY/${file##*/}"
done

# The log is bounded: two files of LOG_KIBIBYTES. Filebeat follows the one that is renamed to its end.
while sleep "$LOG_CHECK_SECONDS" && kill -0 $$; do
  [ -n "$(find "$LOG_DIRECTORY" -name access.jsonl -size "+${LOG_KIBIBYTES}k")" ] || continue
  mv "$LOG_DIRECTORY/access.jsonl" "$LOG_DIRECTORY/access.1.jsonl"
  kill -USR1 $$ # nginx, by then: opens the log anew
done 2>/dev/null &

exec nginx -e stderr -c "$RUN_DIRECTORY/nginx.conf"
