-- A takeover from another manager: when it was, and when a survey first found every node as it was taken over.
CREATE TABLE takeover (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    at INTEGER NOT NULL,
    confirmed_at INTEGER
);

-- What no new node may have, though no node of the colony has it: the numbers of folders that were left behind and
-- of another manager's services, and their ports.
CREATE TABLE reserved_id (
    id INTEGER NOT NULL PRIMARY KEY
);
CREATE TABLE reserved_port (
    port INTEGER NOT NULL PRIMARY KEY
);
