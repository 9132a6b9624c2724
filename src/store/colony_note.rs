//! What a colony remembers from one run to the next that is neither a setting nor a node: pauses, and the last safety stop.
//! Older versions of wnm ignore these rows of table `setting`, because they are no settings.

use rusqlite::OptionalExtension;
use strum::IntoStaticStr;

use crate::colony::Pauses;

use super::error::readable;
use super::{Store, StoreError};

/// One thing to remember.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ColonyNote {
    /// What is paused, as JSON.
    Pause,
    /// The message of the last run if it was a safety stop.
    SafetyStop,
}

impl Store {
    /// The text of a note; None: there is none.
    pub fn note_text(&self, note: ColonyNote) -> Result<Option<String>, StoreError> {
        let name: &str = note.into();
        self.read(|connection| {
            let row = connection
                .prepare_cached("SELECT text FROM setting WHERE name = ?1")?
                .query_row([name], |row| row.get::<_, String>(0))
                .optional();
            Ok(readable(row)?.flatten())
        })
    }

    /// Writes a note, or deletes it. An equal note is not written again.
    pub fn set_note(&self, note: ColonyNote, text: Option<&str>) -> Result<(), StoreError> {
        if self.note_text(note)?.as_deref() == text {
            return Ok(());
        }
        let name: &str = note.into();
        self.transact(|transaction| {
            match text {
                Some(text) => transaction.execute(
                    "INSERT INTO setting (name, text) VALUES (?1, ?2)
                     ON CONFLICT (name) DO UPDATE SET text = excluded.text",
                    [name, text],
                )?,
                None => transaction.execute("DELETE FROM setting WHERE name = ?1", [name])?,
            };
            Ok(())
        })
    }

    /// What is paused. A text that cannot be read pauses nothing.
    pub fn pauses(&self) -> Result<Pauses, StoreError> {
        let text = self.note_text(ColonyNote::Pause)?.unwrap_or_default();
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    /// Stores what is paused.
    pub fn set_pauses(&self, pauses: &Pauses) -> Result<(), StoreError> {
        let text = serde_json::to_string(pauses).unwrap_or_default();
        self.set_note(
            ColonyNote::Pause,
            Some(&text).filter(|_| !pauses.is_empty()).map(String::as_str),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::ColonyNote;
    use crate::colony::{NodePause, Pause, Pauses, Timestamp};
    use crate::store::tests::colony;

    #[test]
    fn pauses_are_kept_and_deleted() {
        let store = colony();
        assert!(store.pauses().unwrap().is_empty());
        let pause = Pause {
            since: Timestamp(5),
            until: Some(Timestamp(9)),
            reason: Some("disk".to_owned()),
        };
        let pauses = Pauses {
            colony: Some(pause.clone()),
            nodes: BTreeMap::from([(
                3,
                NodePause {
                    pause,
                    is_stopped: true,
                },
            )]),
        };
        store.set_pauses(&pauses).unwrap();
        assert_eq!(store.pauses().unwrap(), pauses);
        store.set_pauses(&Pauses::default()).unwrap();
        assert_eq!(store.note_text(ColonyNote::Pause).unwrap(), None);
        store.set_note(ColonyNote::Pause, Some("garbled")).unwrap();
        assert!(store.pauses().unwrap().is_empty());
        let settings = store.stored_settings().unwrap();
        assert!(
            settings.iter().all(|(name, _)| name != "pause"),
            "it is no setting"
        );
    }
}
