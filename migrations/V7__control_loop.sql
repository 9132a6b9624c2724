-- When limits last stopped a node, and how often lately.
ALTER TABLE node ADD COLUMN pressure_stops INTEGER NOT NULL DEFAULT 0;
ALTER TABLE node ADD COLUMN pressure_stopped_at INTEGER;

-- The counters of /proc/pressure, in microseconds; -1 is not known.
ALTER TABLE sample ADD COLUMN cpu_waited INTEGER NOT NULL DEFAULT -1;
ALTER TABLE sample ADD COLUMN io_waited INTEGER NOT NULL DEFAULT -1;
ALTER TABLE sample ADD COLUMN memory_waited INTEGER NOT NULL DEFAULT -1;
