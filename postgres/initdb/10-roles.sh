#!/usr/bin/env bash
# Run once, by the image's entrypoint, in an empty database: the role of the site, and that of the exporter.
set -euo pipefail

# By standard input, never by argument: those can be read by every process.
psql -v ON_ERROR_STOP=1 --quiet --no-psqlrc --username "${POSTGRES_USER:-postgres}" --dbname "$POSTGRES_DB" <<'SQL'
SET log_min_duration_statement = -1; -- else a slow statement would end in the server's log, with its password
\set app_password `cat /run/secrets/postgres/app-password`
\set exporter_password `cat /run/secrets/postgres/exporter-password`

CREATE ROLE app LOGIN PASSWORD :'app_password';
CREATE ROLE exporter LOGIN PASSWORD :'exporter_password';
\i /etc/postgresql/rights.sql
SQL
