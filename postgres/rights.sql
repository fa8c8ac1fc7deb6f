-- What the roles may do, whatever an older version of this file said. Read at each start, before anybody can connect;
-- so every statement can be repeated, an empty line ends one, and none has an empty line in it.

-- The site may make functions in `public`: the superuser calls none of them.
SET search_path = pg_catalog, pg_temp;

DO $$
BEGIN
  EXECUTE format('ALTER DATABASE %I OWNER TO app', current_database());
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO exporter', current_database());
END $$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT ALL ON SCHEMA public TO app;

ALTER ROLE app NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
ALTER ROLE exporter NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 5;

-- The exporter reads statistics, no table of the site, and nobody's query: there are values in some. PostgreSQL has no
-- right to the ones without the others, so it gets views of its own under the names that it asks for.
DO $$
DECLARE
  membership record;
BEGIN
  FOR membership IN SELECT roleid::regrole AS role FROM pg_auth_members WHERE member = 'exporter'::regrole LOOP
    EXECUTE format('REVOKE %s FROM exporter', membership.role);
  END LOOP;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'exporter_statistics') THEN
    CREATE ROLE exporter_statistics NOLOGIN;
  END IF;
END $$;

GRANT pg_read_all_stats TO exporter_statistics;
DROP SCHEMA IF EXISTS ops_exporter CASCADE;
CREATE SCHEMA ops_exporter;

-- Functions, because a view asks for its reader's rights and not for its owner's in what PostgreSQL shows of a session.
CREATE FUNCTION ops_exporter.activity() RETURNS TABLE (
  datname name, pid integer, usename name, application_name text, backend_type text, state text,
  state_change timestamptz, xact_start timestamptz, wait_event_type text, wait_event text
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT datname, pid, usename, application_name, backend_type, state, state_change, xact_start, wait_event_type, wait_event
  FROM pg_catalog.pg_stat_activity
$$;
CREATE FUNCTION ops_exporter.replication() RETURNS SETOF pg_catalog.pg_stat_replication
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT * FROM pg_catalog.pg_stat_replication
$$;
DO $$
BEGIN
  EXECUTE format(
    'CREATE FUNCTION ops_exporter.pg_stat_get_progress_info(%s) RETURNS SETOF record LANGUAGE sql STABLE SECURITY DEFINER '
    'SET search_path = pg_catalog, pg_temp AS ''SELECT * FROM pg_catalog.pg_stat_get_progress_info($1)''',
    pg_get_function_arguments('pg_catalog.pg_stat_get_progress_info'::regproc)
  );
END $$;
ALTER FUNCTION ops_exporter.activity() OWNER TO exporter_statistics;
ALTER FUNCTION ops_exporter.replication() OWNER TO exporter_statistics;
ALTER FUNCTION ops_exporter.pg_stat_get_progress_info(text) OWNER TO exporter_statistics;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ops_exporter FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ops_exporter TO exporter;

CREATE VIEW ops_exporter.pg_stat_activity AS SELECT * FROM ops_exporter.activity();
CREATE VIEW ops_exporter.pg_stat_replication AS SELECT * FROM ops_exporter.replication();
GRANT USAGE ON SCHEMA ops_exporter TO exporter;
GRANT SELECT ON ALL TABLES IN SCHEMA ops_exporter TO exporter;
GRANT EXECUTE ON FUNCTION pg_catalog.pg_ls_waldir() TO exporter;
ALTER ROLE exporter SET search_path = ops_exporter, pg_catalog;
