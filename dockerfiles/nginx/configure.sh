#!/bin/sh
# Part of entrypoint.sh: writes the configuration with the values of this container to RUN_DIRECTORY.
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
TRUSTED_IN_GEO='' TRUSTED_REAL_IP='' SIGN_INS='' SCRIPT=''
put() { # NAME VALUE: nothing that could end a directive
  case "$2" in *[!A-Za-z0-9_.:/-]*) refuse "$1 may not be '$2'" ;; esac
  SCRIPT="${SCRIPT}s|@$1@|$2|g;"
}
put RUN_DIRECTORY "$RUN_DIRECTORY"; put LOG_DIRECTORY "$LOG_DIRECTORY"; put TLS_DIRECTORY "$TLS_DIRECTORY"
put STATIC_DIRECTORY "$WWW_DIRECTORY/static"; put PAGES_DIRECTORY "$CONFIGURATION_DIRECTORY/pages"
put GATE_DIRECTORY "$WWW_DIRECTORY/gate"; put MASKING_DIRECTORY "$WWW_DIRECTORY/masking"; put STATIC_PREFIX "$STATIC_PREFIX"
put ENVIRONMENT "$ENVIRONMENT"; put MODE "$MODE"; put APPLICATION "$APPLICATION"; put RESOLVER "$RESOLVER"; put WORKERS "$WORKERS"
put HTTP_PORT "$HTTP_PORT"; put TLS_PORT "$TLS_PORT"; put STATUS_PORT "$STATUS_PORT"; put PUBLIC_TLS_PORT "$PUBLIC_TLS_PORT"
put MAX_BODY_SIZE "$MAX_BODY_SIZE"; put READ_TIMEOUT "$READ_TIMEOUT"
put BODY_DIRECTORY "$BODY_DIRECTORY"; put LARGE_BODIES "$LARGE_BODIES"
for network in $(echo "$TRUSTED_PROXIES" | tr ',' ' '); do
  case "$network" in *[!0-9a-fA-F.:/]*) refuse "TRUSTED_PROXIES may not name '$network'" ;; esac
  TRUSTED_IN_GEO="$TRUSTED_IN_GEO $network 1;"
  TRUSTED_REAL_IP="$TRUSTED_REAL_IP set_real_ip_from $network;"
done

set -f # a * is refused, not looked up
# Where people sign in: as the project's URLs say, written while the image was built, and others that it names here.
for path in $(cat "$WWW_DIRECTORY/sign-in" 2>/dev/null || :) $(echo "$SIGN_IN_PATHS" | tr ',' ' '); do
  case "$path" in *[!A-Za-z0-9_.~/-]* | [!/]*) refuse "SIGN_IN_PATHS may not name '$path'" ;; esac
  case "$SIGN_INS" in *"\"$path\" "*) ;; *) SIGN_INS="$SIGN_INS \"$path\" 1;" ;; esac
done
set +f
# The names that plain HTTP may lead to, and the first of them for every other Host: those that the certificate is for. An
# old one without any is believed to be for SITE_NAMES.
names=''
if [ "$MODE" = tls ]; then
  names=$(sed -n '/^-----BEGIN CERT/,/^-----END CERT/{/^-----END/q;/^-----/!p;}' "$TLS_DIRECTORY/certificate.pem" |
    tr -d '\r' | base64 -d 2>/dev/null | od -An -v -tx1 | awk -f "$CONFIGURATION_DIRECTORY/certificate_names.awk")
fi
[ -n "$names" ] || names=$(echo "$SITE_NAMES" | tr ',' '\n')
OWN_NAMES=$(echo "$names" | awk -f "$CONFIGURATION_DIRECTORY/own_names.awk")

mkdir -p "$RUN_DIRECTORY"
for file in "$CONFIGURATION_DIRECTORY"/*.conf; do
  sed -e "$SCRIPT" -e "s|@TRUSTED_IN_GEO@|$TRUSTED_IN_GEO|" -e "s|@TRUSTED_REAL_IP@|$TRUSTED_REAL_IP|" \
    -e "s|@SIGN_INS@|$SIGN_INS|" -e "s|@OWN_NAMES@|$OWN_NAMES|" "$file" >"$RUN_DIRECTORY/${file##*/}"
done
