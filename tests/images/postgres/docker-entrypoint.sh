#!/usr/bin/env bash
# Makes a cluster in an empty PGDATA from the POSTGRES_* variables, runs /docker-entrypoint-initdb.d once, and becomes
# the server. Behaves as upstream's where compose.yml relies on it.
set -euo pipefail
shopt -s nullglob

fail() { echo "stand-in for postgres: $*" >&2; exit 1; }

# Sets a variable from the file that VARIABLE_FILE names, or to a default.
from_file() {
  local name=$1 file_name=$1_FILE default=${2-}
  [ -z "${!name-}" ] || [ -z "${!file_name-}" ] || fail "$name and $file_name are both set; set one of them"
  if [ -n "${!file_name-}" ]; then
    printf -v "$name" '%s' "$(<"${!file_name}")"
  else
    printf -v "$name" '%s' "${!name-$default}"
  fi
  export "${name?}"
  unset "$file_name"
}

make_cluster() {
  local arguments=()
  [ -n "$POSTGRES_PASSWORD" ] || [ "${POSTGRES_HOST_AUTH_METHOD-}" = trust ] ||
    fail "PGDATA is empty and the superuser has no password: set POSTGRES_PASSWORD_FILE"
  eval "arguments=($POSTGRES_INITDB_ARGS)"
  initdb --username "$POSTGRES_USER" --pwfile <(printf '%s\n' "$POSTGRES_PASSWORD") "${arguments[@]}"
  printf '\nhost all all all %s\n' "${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >>"$PGDATA/pg_hba.conf"
}

run_sql() { psql -v ON_ERROR_STOP=1 --no-psqlrc --no-password --username "$POSTGRES_USER" "$@"; }

# Files see the server on its socket only, as it does not listen yet.
run_initdb_files() {
  local file
  for file in /docker-entrypoint-initdb.d/*; do
    echo "stand-in for postgres: running $file"
    case $file in
      *.sh)
        if [ -x "$file" ]; then
          "$file"
        else
          # shellcheck source=/dev/null
          . "$file"
        fi
        ;;
      *.sql) run_sql --dbname "$POSTGRES_DB" --file "$file" ;;
      *.sql.gz) gunzip -c "$file" | run_sql --dbname "$POSTGRES_DB" ;;
      *.sql.xz) xz -dc "$file" | run_sql --dbname "$POSTGRES_DB" ;;
      *.sql.zst) zstd -dc "$file" | run_sql --dbname "$POSTGRES_DB" ;;
    esac
  done
}

# Takes the server's own options, so that scripts meet it as it is going to be, but for its address.
first_start() {
  make_cluster
  export PGPASSWORD=$POSTGRES_PASSWORD
  pg_ctl --pgdata "$PGDATA" -o "$(printf '%q ' "$@" -c listen_addresses= -p "${PGPORT:-5432}")" --wait start
  [ "$POSTGRES_DB" = postgres ] ||
    run_sql --dbname postgres --set name="$POSTGRES_DB" <<<'CREATE DATABASE :"name";'
  run_initdb_files
  pg_ctl --pgdata "$PGDATA" --mode fast --wait stop
  unset PGPASSWORD
}

[ "${1#-}" = "$1" ] || set -- postgres "$@"
if [ "$1" = postgres ] && [ "$(id -u)" = 0 ]; then
  install -d -m 700 "$PGDATA"
  find "$PGDATA" /var/run/postgresql ! -user postgres -exec chown postgres '{}' +
  exec setpriv --reuid postgres --regid postgres --init-groups "$0" "$@"
fi
if [ "$1" = postgres ]; then
  install -d -m 700 "$PGDATA"
  chmod 700 "$PGDATA" 2>/dev/null || true
  if [ ! -s "$PGDATA/PG_VERSION" ]; then
    from_file POSTGRES_PASSWORD
    from_file POSTGRES_USER postgres
    from_file POSTGRES_DB "$POSTGRES_USER"
    from_file POSTGRES_INITDB_ARGS
    first_start "${@:2}"
  fi
fi
exec "$@"
