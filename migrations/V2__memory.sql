-- What a run remembers for the next one. Our columns stand at the end and have defaults, so that the
-- peer can still write rows.

ALTER TABLE machine ADD COLUMN shunned_remove INTEGER NOT NULL DEFAULT 0;
ALTER TABLE machine ADD COLUMN firewall TEXT NOT NULL DEFAULT 'auto';
ALTER TABLE machine ADD COLUMN enable_upgrade INTEGER NOT NULL DEFAULT 1;
ALTER TABLE machine ADD COLUMN boot_time INTEGER;
ALTER TABLE machine ADD COLUMN storage_device INTEGER;

ALTER TABLE node ADD COLUMN silent_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE node ADD COLUMN shunned_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE node ADD COLUMN last_seen INTEGER;
ALTER TABLE node ADD COLUMN start_failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE node ADD COLUMN retry_at INTEGER;
ALTER TABLE node ADD COLUMN last_error TEXT;
ALTER TABLE node ADD COLUMN binary_key TEXT;
ALTER TABLE node ADD COLUMN shunned_total INTEGER NOT NULL DEFAULT 0;
ALTER TABLE node ADD COLUMN shunned_by_old INTEGER NOT NULL DEFAULT 0;

-- One row a cycle. Rates are a second's; sizes are bytes; times are seconds, but for `counted_ms`.
CREATE TABLE sample (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    boot INTEGER NOT NULL,
    counted_ms INTEGER NOT NULL,
    cpu_total INTEGER NOT NULL,
    cpu_idle INTEGER NOT NULL,
    cpu_iowait INTEGER NOT NULL,
    disk_read INTEGER NOT NULL,
    disk_written INTEGER NOT NULL,
    net_received INTEGER NOT NULL,
    net_sent INTEGER NOT NULL,
    used_cpu_percent REAL,
    idle_cpu_percent REAL,
    io_wait REAL,
    disk_read_rate REAL,
    disk_write_rate REAL,
    net_receive_rate REAL,
    net_send_rate REAL,
    load_1 REAL,
    load_5 REAL,
    load_15 REAL,
    memory_total INTEGER NOT NULL,
    memory_available INTEGER NOT NULL,
    disk_total INTEGER NOT NULL,
    disk_used INTEGER NOT NULL,
    disk_free INTEGER NOT NULL,
    running INTEGER NOT NULL,
    stopped INTEGER NOT NULL,
    restarting INTEGER NOT NULL,
    upgrading INTEGER NOT NULL,
    removing INTEGER NOT NULL,
    migrating INTEGER NOT NULL,
    dead INTEGER NOT NULL,
    disabled INTEGER NOT NULL
);

CREATE INDEX ix_sample_at ON sample (at);

-- One row an action.
CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    run TEXT NOT NULL,
    action TEXT NOT NULL,
    node INTEGER,
    service TEXT,
    reason TEXT NOT NULL,
    figures TEXT NOT NULL,
    forced INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    error TEXT,
    warning TEXT,
    duration_ms INTEGER NOT NULL
);

CREATE INDEX ix_event_at ON event (at);

-- Versions that binaries told, by what tells a file from another in the same place.
CREATE TABLE binary (
    path TEXT NOT NULL PRIMARY KEY,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    version TEXT NOT NULL
);

-- The step in hand: written before it is begun, gone when it ended.
CREATE TABLE intent (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    run TEXT NOT NULL,
    action TEXT NOT NULL,
    node INTEGER,
    detail TEXT NOT NULL
);
