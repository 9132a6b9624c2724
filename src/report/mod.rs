//! Reports: functions from values to text. They ask nobody and print nothing.

pub mod details;
pub mod machine;
pub mod nodes;
pub mod order;
pub mod result;

use serde::Serialize;

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

/// Rows as the peer prints them: one as an object, several as a list, none as an error in words.
fn as_json<T: Serialize>(rows: &[T]) -> String {
    let text = match rows {
        [] => serde_json::to_string_pretty(&serde_json::json!({ "error": "No nodes found" })),
        [one] => serde_json::to_string_pretty(one),
        several => serde_json::to_string_pretty(several),
    };
    // Rows are plain structs of text and numbers, which always can be written.
    text.unwrap_or_default()
}
