-- What the decisions of later cycles need to know of a node: when limits stopped it and how often lately, when its
-- process ended by itself, and when it was upgraded and what it cost before.
ALTER TABLE node ADD COLUMN pressure_stops INTEGER NOT NULL DEFAULT 0;
ALTER TABLE node ADD COLUMN pressure_stopped_at INTEGER;
ALTER TABLE node ADD COLUMN died_at INTEGER;
ALTER TABLE node ADD COLUMN upgraded_at INTEGER;
ALTER TABLE node ADD COLUMN cpu_before INTEGER NOT NULL DEFAULT 0;
ALTER TABLE node ADD COLUMN mem_before INTEGER NOT NULL DEFAULT 0;

-- The counters of /proc/pressure, in microseconds; -1 is not known.
ALTER TABLE sample ADD COLUMN cpu_waited INTEGER NOT NULL DEFAULT -1;
ALTER TABLE sample ADD COLUMN io_waited INTEGER NOT NULL DEFAULT -1;
ALTER TABLE sample ADD COLUMN memory_waited INTEGER NOT NULL DEFAULT -1;
