-- The filesystems that nodes were last seen on outside of `node_storage`, by the folder they lie in: a disk that is
-- not mounted must not pass for the death of its nodes. That of `node_storage` itself is `machine.storage_device`.

CREATE TABLE storage (
    path TEXT NOT NULL PRIMARY KEY,
    device INTEGER NOT NULL
);
