#!/usr/bin/env bash
# Run once, by the image's entrypoint, in an empty database: the role of the site, and that of the exporter.
set -euo pipefail

# By standard input, never by argument: those can be read by every process.
psql -v ON_ERROR_STOP=1 --quiet --no-psqlrc --username "${POSTGRES_USER:-postgres}" --dbname "$POSTGRES_DB" <<'SQL'
-- A password that fails to be set must not end in the server's log.
SET log_min_error_statement = panic;
SET log_min_duration_statement = -1;
\set app_password `cat /run/secrets/postgres/app-password`
\set exporter_password `cat /run/secrets/postgres/exporter-password`

CREATE ROLE app LOGIN PASSWORD :'app_password' NOSUPERUSER NOCREATEDB NOCREATEROLE;
ALTER DATABASE :"DBNAME" OWNER TO app;
REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT ALL ON SCHEMA public TO app;

-- Statistics only: it reads no table of the site.
CREATE ROLE exporter LOGIN PASSWORD :'exporter_password' CONNECTION LIMIT 5 NOSUPERUSER NOCREATEDB NOCREATEROLE;
GRANT pg_monitor TO exporter;
GRANT CONNECT ON DATABASE :"DBNAME" TO exporter;
SQL
