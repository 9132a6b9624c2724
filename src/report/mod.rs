//! Reports: functions from values to text. They read nothing from the system and print nothing.

mod assignments;
pub mod cycle_result;
pub mod doctor;
pub mod health;
pub mod history;
pub mod import_preview;
pub mod influx;
pub mod machine_reports;
pub mod node_details;
pub mod node_status;
pub mod order_result;
pub mod order_text;
pub mod plan;
pub mod prometheus;
pub mod status_table;
mod table;
pub mod trend;

use serde::Serialize;

pub use crate::settings::ReportFormat as Format;
use crate::settings::ReportKind;

/// The formats that a report has; the first is the default.
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
        ReportKind::Prometheus => &[Format::Text],
        ReportKind::Trend => &[Format::Text, Format::Json, Format::Csv],
    }
}

/// JSON as the peer writes it: indented by two spaces.
#[must_use]
pub fn pretty<T: Serialize + ?Sized>(value: &T) -> String {
    // Reports are plain structs of text and numbers, which can always be written.
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// Rows as the peer prints them: one as an object, several as a list, none as an error message.
fn as_json<T: Serialize>(rows: &[T]) -> String {
    match rows {
        [] => pretty(&serde_json::json!({ "error": "No nodes found" })),
        [one] => pretty(one),
        several => pretty(several),
    }
}
