#!/usr/bin/env bash
# Sets what roles may do, in a database that is there already, and becomes the image's own entrypoint.
set -euo pipefail

# Alone with the database, so it takes no password, and nobody is connected while rights change. The first start has no
# database yet; the files in initdb/ do the same then.
if [ -s "$PGDATA/PG_VERSION" ]; then
  "$1" --single -j -c exit_on_error=on "${@:2}" "$POSTGRES_DB" </etc/postgresql/rights.sql >/dev/null
fi
exec docker-entrypoint.sh "$@"
