-- A failing statement must not put a password into the log.
SET log_min_error_statement = 'panic';
SET log_min_duration_statement = -1;
SELECT 'CREATE ROLE "app" LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app') \gexec
ALTER ROLE "app" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD '@@app@@';
SELECT 'CREATE DATABASE "app" OWNER "app"' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'app') \gexec
REVOKE ALL ON DATABASE "app" FROM PUBLIC;
GRANT ALL ON DATABASE "app" TO "app";
-- It sees the server's statistics in the database "postgres", and no table of anybody's.
SELECT 'CREATE ROLE "hearth-watch"' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'hearth-watch') \gexec
ALTER ROLE "hearth-watch" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION CONNECTION LIMIT 3 PASSWORD '@@hearth-watch@@';
GRANT pg_monitor TO "hearth-watch";
\connect "app"
SET client_min_messages = 'warning';
CREATE EXTENSION IF NOT EXISTS "vector";
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT ALL ON SCHEMA public TO "app";
