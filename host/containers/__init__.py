"""What container runtimes need beside containers: files in volumes, checks, waiting, tasks."""
