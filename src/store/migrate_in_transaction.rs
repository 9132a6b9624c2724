//! Runs refinery inside one existing transaction. By itself it would open a transaction for each migration.

use refinery::Migration;
use refinery_core::Migrate;
use refinery_core::traits::sync::{Query, Transaction};
use rusqlite::Error;

/// A transaction for refinery to use. The caller commits it.
pub(super) struct InTransaction<'a>(pub(super) &'a rusqlite::Transaction<'a>);

impl Transaction for InTransaction<'_> {
    type Error = Error;

    fn execute<'a, T: Iterator<Item = &'a str>>(&mut self, queries: T) -> Result<usize, Error> {
        let mut count = 0;
        for query in queries {
            for statement in statements(query) {
                if !self.adds_what_is_there(statement)? {
                    self.0.execute_batch(statement)?;
                }
            }
            count += 1;
        }
        Ok(count)
    }
}

impl Query<Vec<Migration>> for InTransaction<'_> {
    /// Reads the history. refinery's own reader panics if somebody has edited a row.
    fn query(&mut self, query: &str) -> Result<Vec<Migration>, Error> {
        let mut statement = self.0.prepare(query)?;
        let mut rows = statement.query([])?;
        let mut applied = Vec::new();
        // The time of a migration does not matter for what is still to be run.
        let mut any = Migration::unapplied("V1__any", "").map_err(|_| Error::InvalidQuery)?;
        any.set_applied();
        while let Some(row) = rows.next()? {
            let checksum: String = row.get(3)?;
            // An invalid checksum becomes 0, which differs from all of ours.
            let checksum = checksum.parse().unwrap_or_default();
            if let Some(then) = any.applied_on() {
                applied.push(Migration::applied(row.get(0)?, row.get(1)?, *then, checksum));
            }
        }
        Ok(applied)
    }
}

impl Migrate for InTransaction<'_> {}

impl InTransaction<'_> {
    /// Whether `statement` adds a column that a newer Python wnm has added already. Its values are kept.
    fn adds_what_is_there(&self, statement: &str) -> Result<bool, Error> {
        let words: Vec<&str> = statement
            .lines()
            .filter(|line| !line.trim_start().starts_with("--"))
            .flat_map(str::split_whitespace)
            .collect();
        let ["ALTER", "TABLE", table, "ADD", "COLUMN", column, ..] = words[..] else {
            return Ok(false);
        };
        self.0.query_row(
            "SELECT EXISTS (SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2 COLLATE NOCASE)",
            [table, column],
            |row| row.get(0),
        )
    }
}

/// The statements of a migration. In our files each ends at the end of a line.
fn statements(sql: &str) -> impl Iterator<Item = &str> {
    sql.split_inclusive(";\n")
}
