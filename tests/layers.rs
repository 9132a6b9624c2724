//! Rules for the source that the compiler does not check: which module may import which, and which files
//! may use which outside library.

mod file_imports;

use std::fs;
use std::path::{Path, PathBuf};

/// From top to bottom. A module may import modules of lower lines, and of its own line only those that
/// [`ARROWS`] allows.
const LINES: &[&[&str]] = &[
    &["main"],
    &["arguments", "request", "error", "session", "commands"],
    &["takeover", "execute", "report"],
    &["world"],
    &["survey", "manager", "firewall", "store"],
    &["settings"],
    &[
        "program",
        "bounded_read",
        "lock",
        "clock",
        "signals",
        "progress",
        "terminal",
        "logging",
    ],
    &["colony", "plan"],
];

/// The lines where a module may import those to its left.
const ARROWS: &[&str] = &["arguments", "colony"];

/// Other allowed imports within a line: a signal ends a wait or a program, a result describes what was
/// executed, and the log clears the progress line.
const SINGLE: &[(&str, &str)] = &[
    ("clock", "signals"),
    ("program", "signals"),
    ("lock", "bounded_read"),
    ("terminal", "progress"),
    ("logging", "terminal"),
    ("report", "execute"),
];

/// Imports that are not allowed although they point down.
const NEVER: &[(&str, &[&str])] = &[
    ("manager", &["settings"]),
    ("execute", &["survey"]),
    ("report", &["store", "manager"]),
];

/// Text that shows the use of an outside library, and the only files that may have it.
const DOORS: &[(&[&str], &[&str])] = &[
    (
        &["clap::", "use clap", "clap_complete", "clap_mangen"],
        &["arguments.rs"],
    ),
    (&["reqwest::", "tokio::"], &["survey/probe.rs"]),
    (
        &[
            "rusqlite::",
            "use rusqlite",
            "refinery::",
            "\"SELECT ",
            "\"INSERT ",
            "\"UPDATE ",
            "\"DELETE ",
        ],
        &["store/"],
    ),
    (&["sysinfo::", "use sysinfo"], &["survey/machine_reader.rs"]),
    (&["plist::", "use plist"], &["manager/launchd/job_file.rs"]),
    (&["toml::"], &["settings/config_file.rs"]),
    (&["terminal_size::"], &["terminal.rs"]),
    (&["unicode_width::"], &["report/table.rs"]),
    (&["fs2::"], &["lock.rs"]),
    (&["reflink_copy::"], &["manager/files.rs"]),
    (&["fiemap::"], &["survey/machine_reader.rs"]),
    (&["rustix::"], &["program.rs"]),
    (
        &["process::Command", "process::{Command", "signal::kill", "killpg"],
        &["program.rs"],
    ),
    (&["SystemTime"], &["clock.rs", "survey/machine_reader.rs"]),
    (
        &[" nix::", "(nix::"],
        &[
            "program.rs",
            "signals.rs",
            "bounded_read.rs",
            "lock.rs",
            "survey/machine_reader.rs",
            "settings/locations.rs",
            "manager/files.rs",
        ],
    ),
    (&["remove_dir_all"], &["manager/files.rs"]),
    (&["std::env", "env::var"], &["main.rs", "settings/variables.rs"]),
    (
        &["io::stdout", "println!(", "print!(", "process::exit"],
        &["main.rs"],
    ),
];

/// Names that say nothing.
const NAMELESS: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc", "types"];

/// A source file.
struct Source {
    /// The path below `src`.
    path: String,
    whole: String,
    /// Without comments and without the unit tests at the end, which may use anything.
    code: String,
}

impl Source {
    /// The first part of its path: the module in the rules.
    fn module(&self) -> &str {
        self.path
            .split('/')
            .next()
            .unwrap_or_default()
            .trim_end_matches(".rs")
    }

    /// All modules of the crate that it names.
    fn imports(&self) -> Vec<String> {
        let root = if self.path == "main.rs" {
            "wnm::"
        } else {
            "crate::"
        };
        let after = self.code.split(root).skip(1);
        let mut names = Vec::new();
        for text in after {
            if let Some(group) = text.strip_prefix('{') {
                let group = group.split('}').next().unwrap_or_default();
                names.extend(group.split(',').map(first_word));
            } else {
                names.push(first_word(text));
            }
        }
        names.retain(|name| line_of(name).is_some());
        names
    }
}

#[test]
fn imports_only_point_down() {
    let mut wrong = Vec::new();
    for source in sources() {
        let from = source.module().to_owned();
        if from == "lib" {
            continue;
        }
        let Some(here) = line_of(&from) else {
            wrong.push(format!("{}: the module `{from}` stands on no line", source.path));
            continue;
        };
        for to in source.imports().into_iter().filter(|to| *to != from) {
            let there = line_of(&to).unwrap_or_default();
            let sideways = here == there && LINES[here].first().is_some_and(|first| ARROWS.contains(first));
            let left = place_on_line(&to) < place_on_line(&from);
            let never = NEVER
                .iter()
                .any(|(module, others)| *module == from && others.contains(&to.as_str()));
            let single = SINGLE.contains(&(from.as_str(), to.as_str()));
            if never || !(there > here || single || sideways && left) {
                wrong.push(format!("{}: `{from}` imports `{to}`", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that must not be:\n{}", wrong.join("\n"));
}

/// Whoever reads one file of a circle has to read all of them.
#[test]
fn no_files_import_each_other_in_a_circle() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let graph = file_imports::read_graph(&source, "lib.rs");
    assert!(graph.len() > 100, "only {} files were found", graph.len());
    let circles: String = file_imports::find_circles(&graph)
        .iter()
        .map(|circle| {
            let files: Vec<&str> = circle.files.iter().map(String::as_str).collect();
            format!("{}\n    {}\n", files.join(", "), circle.uses.join("\n    "))
        })
        .collect();
    assert!(
        circles.is_empty(),
        "files import each other in a circle:\n{circles}"
    );
}

#[test]
fn each_outside_library_is_used_in_one_place() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (signs, doors) in DOORS {
            // A file stands for its submodules too: `program.rs` for `program/`.
            let is_behind = |door: &str| {
                let folder = door.strip_suffix(".rs").unwrap_or(door).trim_end_matches('/');
                source.path.starts_with(&format!("{folder}/"))
            };
            let is_door = doors.iter().any(|door| source.path == *door || is_behind(door));
            for sign in signs
                .iter()
                .filter(|sign| !is_door && source.code.contains(**sign))
            {
                wrong.push(format!(
                    "{}: `{sign}` belongs into {}",
                    source.path,
                    doors.join(", ")
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "doors in the wrong place:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn source_files_are_short_named_and_documented() {
    let mut wrong = Vec::new();
    for source in sources() {
        let limit = if source.path == "main.rs" { 60 } else { 400 };
        let is_all_tests = source.path.ends_with("tests.rs");
        let lines = if is_all_tests {
            0
        } else {
            source.code.lines().count()
        };
        if lines > limit {
            wrong.push(format!("{}: {lines} lines, {limit} are allowed", source.path));
        }
        if source
            .path
            .split('/')
            .any(|part| NAMELESS.contains(&part.trim_end_matches(".rs")))
        {
            wrong.push(format!("{}: a name that says nothing", source.path));
        }
        if !is_all_tests && !source.whole.starts_with("//!") {
            wrong.push(format!("{}: does not open with what it is for", source.path));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_unfinished_code_is_left() {
    let signs = [
        "to".to_owned() + "do!",
        "db".to_owned() + "g!",
        "TO".to_owned() + "DO",
        "FIX".to_owned() + "ME",
    ];
    let mut wrong = Vec::new();
    for folder in ["src", "tests", "migrations", "benches", "examples"] {
        for path in rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)) {
            let text = fs::read_to_string(&path).expect("source is text");
            let found = signs.iter().filter(|sign| text.contains(sign.as_str()));
            wrong.extend(found.map(|sign| format!("{}: {sign}", path.display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The source and the manual show the rules of this file.
#[test]
fn documented_lines_are_those_of_this_test() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(top.join(path)).expect("text");
    let drawn: Vec<String> = read("src/lib.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//! "))
        .filter(|line| line.starts_with(|c: char| c.is_ascii_digit()))
        .map(str::to_owned)
        .collect();
    assert_eq!(drawn.len(), LINES.len());
    let manual = read("docs/architecture.md");
    assert!(manual.contains(&drawn.join("\n")), "the manual draws the same");
    for (line, drawn) in LINES.iter().zip(&drawn) {
        let words = drawn.split(|c: char| !(c.is_ascii_lowercase() || c == '_'));
        let mut words: Vec<&str> = words.filter(|word| !word.is_empty() && *word != "pure").collect();
        let mut line = line.to_vec();
        if ARROWS.contains(&line[0]) {
            assert_eq!(words, line, "in this order");
        }
        words.sort_unstable();
        line.sort_unstable();
        assert_eq!(words, line);
    }
    for (from, to) in SINGLE {
        let drawn = drawn.iter().find(|line| line.contains(to)).expect("its line");
        let words: Vec<&str> = drawn
            .split(|c: char| !(c.is_ascii_lowercase() || c == '_'))
            .collect();
        let at = |name| words.iter().position(|word| *word == name);
        let (place, target) = (at(*from), at(*to));
        assert!(
            target < place && drawn.contains("->"),
            "{to} -> {from} in `{drawn}`"
        );
    }
}

#[test]
fn manual_has_every_module() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/architecture.md");
    let page = fs::read_to_string(path).expect("the page");
    let (_, table) = page.split_once("| module | holds |").expect("its table");
    let (table, _) = table.split_once("\n\n").expect("its end");
    let cells = table.lines().filter_map(|line| line.split('|').nth(1));
    let mut told: Vec<&str> = cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    let mut all: Vec<&str> = LINES.iter().flat_map(|line| line.iter().copied()).collect();
    told.sort_unstable();
    all.sort_unstable();
    assert_eq!(told, all);
    for source in sources().iter().filter(|source| source.path != "lib.rs") {
        assert!(all.contains(&source.module()), "`{}` is on no line", source.path);
    }
}

fn sources() -> Vec<Source> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let read = |path: PathBuf| {
        let whole = fs::read_to_string(&path).expect("source is text");
        let code = without_tests(&whole);
        let code = code
            .lines()
            .map(|line| line.split("//").next().unwrap_or_default().to_owned() + "\n")
            .collect();
        let path = path
            .strip_prefix(&top)
            .expect("below src")
            .to_string_lossy()
            .replace('\\', "/");
        Source { path, whole, code }
    };
    let found: Vec<_> = rust_files(&top).into_iter().map(read).collect();
    assert!(found.len() > 10, "the source was found");
    found
}

/// The text before the unit tests at the end.
fn without_tests(whole: &str) -> &str {
    let marks = whole.match_indices("#[cfg(test)]\n");
    let foot = marks.map(|(place, _)| place).find(|place| {
        let next = whole[*place..].lines().nth(1).unwrap_or_default();
        next.starts_with("mod ") || next.starts_with("pub") && next.contains(" mod ")
    });
    &whole[..foot.unwrap_or(whole.len())]
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn line_of(module: &str) -> Option<usize> {
    LINES.iter().position(|line| line.contains(&module))
}

fn place_on_line(module: &str) -> Option<usize> {
    LINES
        .iter()
        .find_map(|line| line.iter().position(|name| *name == module))
}

fn first_word(text: &str) -> String {
    text.trim()
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}
