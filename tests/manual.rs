//! Checks of the manual: fields, names, messages and links on its pages are those of the program.

mod fields;
mod links;
mod messages;
mod names;

use std::fs;
use std::path::{Path, PathBuf};

/// A page: its path in the checkout, and its text.
pub struct Page {
    pub path: PathBuf,
    pub text: String,
}

/// Every page for people: the README, the manual, and the pages beside packages and tests.
pub fn pages() -> Vec<Page> {
    let mut found = Vec::new();
    for folder in ["", "docs", "packaging", "tests/anm", "tests/lab"] {
        let Ok(entries) = fs::read_dir(top().join(folder)) else {
            continue;
        };
        for name in entries.flatten().map(|entry| entry.file_name()) {
            let path = Path::new(folder).join(name);
            if path.extension().is_some_and(|extension| extension == "md") {
                let text = fs::read_to_string(top().join(&path)).expect("a page");
                found.push(Page { path, text });
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(found.len() > 10, "the pages are found");
    found
}

/// One page of the manual.
pub fn page(name: &str) -> String {
    fs::read_to_string(top().join("docs").join(name)).expect("a page of the manual")
}

/// The root of the checkout.
pub fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A page without fenced blocks.
pub fn prose(text: &str) -> String {
    let mut is_block = false;
    let mut kept = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_block = !is_block;
        } else if !is_block {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// The texts between backticks in a line.
pub fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The rows of all tables in `text`: their cells by column heading.
pub fn rows(text: &str) -> Vec<Vec<(&str, &str)>> {
    let mut found = Vec::new();
    let mut heads: Vec<&str> = Vec::new();
    for line in text.lines() {
        let Some(row) = line.strip_prefix('|').and_then(|row| row.strip_suffix('|')) else {
            heads.clear();
            continue;
        };
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        if heads.is_empty() {
            heads = cells;
        } else if !cells[0].starts_with("---") {
            assert_eq!(cells.len(), heads.len(), "the cells of `{line}`");
            found.push(heads.iter().copied().zip(cells).collect());
        }
    }
    found
}
