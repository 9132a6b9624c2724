//! What wnm did to the firewalls: a row beside the settings that is no setting.

use rusqlite::OptionalExtension;

use super::{Store, StoreError};

const NAME: &str = "firewall_record";

impl Store {
    /// What the last run stored; None: nothing.
    pub fn firewall_record(&self) -> Result<Option<String>, StoreError> {
        self.read(|connection| {
            let text = connection
                .prepare_cached("SELECT text FROM setting WHERE name = ?1")?
                .query_row([NAME], |row| row.get(0))
                .optional()?;
            Ok(text)
        })
    }

    /// Stores what the next run needs to know. An equal text is not written again.
    pub fn keep_firewall_record(&self, text: Option<&str>) -> Result<(), StoreError> {
        if self.firewall_record()?.as_deref() == text {
            return Ok(());
        }
        self.transact(|transaction| {
            match text {
                Some(text) => transaction.execute(
                    "INSERT INTO setting (name, text) VALUES (?1, ?2)
                     ON CONFLICT (name) DO UPDATE SET text = excluded.text",
                    [NAME, text],
                )?,
                None => transaction.execute("DELETE FROM setting WHERE name = ?1", [NAME])?,
            };
            Ok(())
        })
    }
}
