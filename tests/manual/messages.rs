//! Every message in docs/troubleshooting.md is one of the program, and every hint of the program is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::{page, quoted, rows, top};
use crate::stage::Stage;

/// A text in the source, and the code before it.
struct Literal {
    before: String,
    text: String,
}

#[test]
fn page_has_every_hint_and_no_other() {
    let said: BTreeSet<String> = literals()
        .into_iter()
        .filter(|literal| is_hint(&literal.before))
        .map(|literal| literal.text)
        .collect();
    assert!(said.len() > 8, "the hints are found: {said:?}");
    let page = page("troubleshooting.md");
    assert_eq!(said, told(&page, "hint"));
}

fn is_hint(before: &str) -> bool {
    let before: String = before.split_whitespace().collect();
    [".hint(", ".hint(format_args!(", ".hint(format!("]
        .iter()
        .any(|call| before.ends_with(call))
}

#[test]
fn every_message_on_the_page_is_in_the_source() {
    let literals = literals();
    let page = page("troubleshooting.md");
    let told = told(&page, "message");
    assert!(told.len() > 20, "what wnm says is found: {told:?}");
    let is_said = |part: &str| literals.iter().any(|literal| literal.text.contains(part));
    let wrong: Vec<_> = told
        .iter()
        .filter(|text| !text.split('…').all(|part| is_said(part.trim())))
        .collect();
    assert_eq!(wrong, Vec::<&String>::new());
}

#[test]
fn page_has_every_check_of_the_doctor() {
    let checks = told(&page("troubleshooting.md"), "check");
    let literals = literals();
    for check in &checks {
        let is_one = literals.iter().any(|literal| literal.text == *check);
        assert!(is_one, "`{check}` is no check");
    }
    let stage = Stage::running(1, &["--node_cap", "1"]);
    let found = stage.wnm(&["--doctor", "--json"]).json();
    for finding in found["checks"].as_array().expect("a list") {
        let check = finding["check"].as_str().expect("a name");
        assert!(checks.contains(check), "`{check}` is not on the page");
    }
}

/// The texts between backticks under this heading.
fn told(page: &str, heading: &str) -> BTreeSet<String> {
    let rows = rows(page);
    let cells = rows.iter().flatten().filter(|(head, _)| *head == heading);
    cells
        .flat_map(|(_, cell)| quoted(cell))
        .map(str::to_owned)
        .collect()
}

/// Every text of the program, without backticks and with `…` for inserted values.
fn literals() -> Vec<Literal> {
    let mut found = Vec::new();
    gather(&top().join("src"), &mut found);
    assert!(found.len() > 1000, "the texts of the program are found");
    found
}

fn gather(folder: &Path, found: &mut Vec<Literal>) {
    for entry in fs::read_dir(folder).expect("a folder of the source").flatten() {
        let path = entry.path();
        if path.is_dir() {
            gather(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).expect("a source");
            read(&source, found);
        }
    }
}

/// Parses enough of Rust to find texts between comments and characters.
fn read(source: &str, found: &mut Vec<Literal>) {
    let mut before = String::new();
    let mut rest = source;
    while let Some(next) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
        } else if let Some(raw) = ["r#\"", "r\""].iter().find(|raw| rest.starts_with(**raw)) {
            let end = if raw.contains('#') { "\"#" } else { "\"" };
            let (text, after) = rest[raw.len()..].split_once(end).expect("a text that ends");
            found.push(Literal {
                before: std::mem::take(&mut before),
                text: plain(text),
            });
            rest = after;
        } else if next == '"' {
            let (text, after) = escaped(&rest[1..]);
            found.push(Literal {
                before: std::mem::take(&mut before),
                text: plain(&text),
            });
            rest = after;
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") {
            rest = &rest[rest[1..].find('\'').expect("a letter that ends") + 2..];
        } else {
            before.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
}

/// A text up to its closing quote, and the rest.
fn escaped(rest: &str) -> (String, &str) {
    let mut text = String::new();
    let mut letters = rest.char_indices();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '"' => return (text, &rest[place + 1..]),
            '\\' => match letters.next() {
                Some((_, '\n')) => {
                    let after = letters.as_str();
                    let skipped = after.len() - after.trim_start().len();
                    for _ in 0..after[..skipped].chars().count() {
                        letters.next();
                    }
                }
                Some((_, 'n')) => text.push('\n'),
                Some((_, other)) => text.push(other),
                None => break,
            },
            letter => text.push(letter),
        }
    }
    panic!("a text that does not end");
}

/// A format string as it is printed.
fn plain(format: &str) -> String {
    let mut plain = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('{') {
        plain.push_str(before);
        let Some((_, after)) = after.split_once('}') else {
            break;
        };
        plain.push('…');
        rest = after;
    }
    plain.push_str(rest);
    plain.replace('`', "")
}

#[test]
fn finds_texts_and_skips_comments_and_characters() {
    let mut found = Vec::new();
    read(
        "// \"no\"\nlet a = '\"'; x.hint(\"say `{a}` \\\n     twice\"); r#\"raw\"#",
        &mut found,
    );
    let texts: Vec<_> = found.iter().map(|literal| literal.text.as_str()).collect();
    assert_eq!(texts, ["say … twice", "raw"]);
    assert!(is_hint(&found[0].before) && !is_hint(&found[1].before));
}
