//! Databases of the Python wnm: the tables of one of its releases, with the rows of a stage.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::Stage;

impl Stage {
    /// Replaces the database by one of the Python release in `dump`, with the same nodes. `sql` then sets
    /// what that release writes for the manager in question; this function sets the rest.
    pub fn replace_with_python_database(&self, dump: &str, sql: &str) {
        let path = self.database();
        let ours = path.with_extension("ours");
        fs::rename(&path, &ours).expect("ours goes");
        let tables = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/databases")
            .join(dump);
        let peer = Connection::open(&path).expect("a new database");
        peer.execute_batch(&fs::read_to_string(tables).expect("a dump"))
            .expect("its tables");
        peer.execute_batch("DELETE FROM node; DELETE FROM container; DELETE FROM machine")
            .expect("its rows go");
        peer.execute("ATTACH ?1 AS ours", [ours.display().to_string()])
            .expect("ours is read");
        for table in ["machine", "node"] {
            let theirs = columns(&peer, table);
            let both = columns(&peer, &format!("ours.{table}"));
            let both: Vec<&String> = theirs.iter().filter(|column| both.contains(column)).collect();
            assert_eq!(both.len(), theirs.len(), "we have what they have: {theirs:?}");
            let list = theirs.join(", ");
            peer.execute_batch(&format!(
                "INSERT INTO {table} ({list}) SELECT {list} FROM ours.{table}"
            ))
            .expect("its rows");
        }
        peer.execute_batch("UPDATE node SET peer_id = '', user = 'ant'; DETACH ours")
            .expect("what it does not know");
        if columns(&peer, "node").contains(&"log_dir".to_owned()) {
            peer.execute_batch("UPDATE node SET log_dir = NULL")
                .expect("no logs");
        }
        peer.execute_batch(sql).expect("its words");
        drop(peer);
        for end in ["ours", "ours-wal", "ours-shm", "db-wal", "db-shm"] {
            let _ = fs::remove_file(path.with_extension(end));
        }
    }
}

fn columns(connection: &Connection, table: &str) -> Vec<String> {
    let statement = connection
        .prepare(&format!("SELECT * FROM {table}"))
        .expect("a table");
    statement.column_names().map(str::to_owned).collect()
}
