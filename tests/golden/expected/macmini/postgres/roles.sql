-- A failing statement must not put a password into the log.
SET log_min_error_statement = 'panic';
SET log_min_duration_statement = -1;
SELECT 'CREATE ROLE "app" LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app') \gexec
ALTER ROLE "app" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD '@@app@@';
SELECT 'CREATE DATABASE "app" OWNER "app"' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'app') \gexec
REVOKE ALL ON DATABASE "app" FROM PUBLIC;
GRANT ALL ON DATABASE "app" TO "app";
SELECT 'ALTER ROLE "hearth-watch" NOLOGIN' WHERE EXISTS (SELECT FROM pg_roles WHERE rolname = 'hearth-watch') \gexec
\connect "app"
SET client_min_messages = 'warning';
CREATE EXTENSION IF NOT EXISTS "vector";
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT ALL ON SCHEMA public TO "app";
