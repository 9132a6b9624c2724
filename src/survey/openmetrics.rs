//! Parses the pages `/metadata` and `/metrics` of a node, in pieces as they arrive.
//!
//! Only samples with a wanted name are parsed; of comments and other samples only the end of the line is searched. No
//! page is ever held whole.

mod label;
mod line_scanner;
mod page;
mod sample_value;

pub use line_scanner::LineScanner;
pub use page::MetricsPage;
