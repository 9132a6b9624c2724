//! Reports: functions from values to text. They ask nobody and print nothing.

pub mod assignments;
pub mod cycle_result;
pub mod doctor;
pub mod history;
pub mod import_preview;
pub mod influx;
pub mod machine_reports;
pub mod node_details;
pub mod node_status;
pub mod order_result;
pub mod plan;
pub mod token_amount;

use serde::Serialize;

pub use crate::settings::ReportFormat as Format;
use crate::settings::ReportKind;

/// The forms in which a report can be had, the first where nothing is said.
#[must_use]
pub fn formats(kind: ReportKind) -> &'static [Format] {
    match kind {
        ReportKind::MachineConfig | ReportKind::MachineMetrics => {
            &[Format::Text, Format::Json, Format::Env, Format::Config]
        }
        ReportKind::InfluxResources => &[Format::Text, Format::Json, Format::Ntracking],
        ReportKind::NodeStatus | ReportKind::NodeStatusDetails | ReportKind::History | ReportKind::Plan => {
            &[Format::Text, Format::Json]
        }
    }
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
