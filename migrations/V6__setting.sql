-- Settings that the Python wnm does not have, as text. A new setting needs no column and no migration; a setting
-- without a row has its default.
CREATE TABLE setting (
    name TEXT NOT NULL PRIMARY KEY,
    text TEXT NOT NULL
);
