//! Flags, settings and fields on the pages exist in the program.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use wnm::settings::table;

use super::{pages, prose, quoted, top};

/// Flags that are not settings and are answered without a run.
const TOPICS: [&str; 4] = ["help", "version", "man", "completions"];

/// The `--words` of a text.
fn flags(text: &str) -> BTreeSet<&str> {
    let is_of_flag = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let mut found = BTreeSet::new();
    for (place, _) in text.match_indices("--") {
        let before = text[..place].chars().next_back().unwrap_or(' ');
        let flag = &text[place + 2..];
        let flag = &flag[..flag.find(|c| !is_of_flag(c)).unwrap_or(flag.len())];
        let is_flag = flag.starts_with(|c: char| c.is_ascii_lowercase());
        if is_flag && !is_of_flag(before) {
            found.insert(flag);
        }
    }
    found
}

/// The code on a page: each line of a block, and texts between backticks.
fn code(text: &str) -> Vec<&str> {
    let mut is_block = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_block = !is_block;
        } else if is_block {
            found.push(line);
        } else {
            found.extend(quoted(line));
        }
    }
    found
}

#[test]
fn every_flag_on_a_page_exists() {
    let source = source();
    let mut unknown = BTreeSet::new();
    for page in pages() {
        for code in code(&page.text) {
            let code = code.trim_start().trim_start_matches("$ ");
            for flag in flags(code) {
                let is_ours = table::find(&flag.replace('-', "_")).is_some() || TOPICS.contains(&flag);
                // Flags of antnode, systemctl and other programs are those that the program or its tests
                // use.
                let is_theirs = !code.starts_with("wnm ") && source.contains(&format!("--{flag}"));
                let is_of_cargo = code.starts_with("cargo ");
                if !is_ours && !is_theirs && !is_of_cargo {
                    unknown.insert(format!("--{flag} of `{code}` in {}", page.path.display()));
                }
            }
        }
    }
    assert_eq!(unknown, BTreeSet::new());
}

#[test]
fn every_name_with_an_underscore_exists() {
    let source = source();
    let mut unknown = BTreeSet::new();
    for page in pages() {
        for line in prose(&page.text).lines() {
            for name in quoted(line).filter(|name| is_name(name)) {
                if !source.contains(name) && table::find(&name.to_lowercase()).is_none() {
                    unknown.insert(format!("`{name}` in {}", page.path.display()));
                }
            }
        }
    }
    assert_eq!(unknown, BTreeSet::new());
}

/// The top folders of files in the checkout.
#[test]
fn every_file_named_on_a_page_exists() {
    let mut missing = BTreeSet::new();
    for page in pages() {
        for line in prose(&page.text).lines() {
            for name in quoted(line).flat_map(|quoted| quoted.split(' ')) {
                let is_file = [
                    "src/",
                    "tests/",
                    "docs/",
                    "packaging/",
                    "migrations/",
                    ".ci/",
                    ".github/",
                ]
                .iter()
                .any(|folder| name.starts_with(folder));
                if is_file && !name.contains('*') && !top().join(name).exists() {
                    missing.insert(format!("`{name}` in {}", page.path.display()));
                }
            }
        }
    }
    assert_eq!(missing, BTreeSet::new());
}

/// `node_cap` and `NODE_CAP`, but no path or command.
fn is_name(text: &str) -> bool {
    text.contains('_')
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The whole source, and the files of the packages.
fn source() -> String {
    let mut text = String::new();
    for folder in ["src", "tests", "packaging", "migrations", ".ci"] {
        gather(&top().join(folder), &mut text);
    }
    text
}

fn gather(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            gather(&path, text);
        } else if path.extension().is_none_or(|extension| extension != "md")
            && let Ok(more) = fs::read_to_string(&path)
        {
            text.push_str(&more);
        }
    }
}
