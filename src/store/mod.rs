//! The store: one SQLite file, `colony.db`, that contains everything a later run needs.
//!
//! The store converts rows to values and back, and decides nothing. Only `schema` changes the schema. Every method is one
//! transaction: if a run is killed, the transaction is complete or did not happen.

mod adopt_peer;
mod binary_versions;
mod colony_note;
mod database;
mod error;
mod event;
mod filesystems;
mod firewall_record;
mod intent;
mod machine_row;
mod migrate_in_transaction;
mod node;
mod open_file;
mod raw_cell;
mod record_changes;
mod sample;
pub mod schema;
mod stored_manager;
mod takeover_state;
#[cfg(test)]
mod tests;

pub use colony_note::ColonyNote;
pub use database::{Store, discard, peek};
pub use error::{Fault, StoreError};
pub use event::{Event, EventOutcome};
pub use filesystems::{FilesystemIds, remembered};
pub use intent::{Intent, IntentId};
pub use machine_row::MachineFacts;
pub use node::{NodeRows, UnreadableRow};
pub use record_changes::{Change, NodeChange};
pub use sample::Sample;
pub use schema::newest_version;
pub use takeover_state::ReservedNumbers;
