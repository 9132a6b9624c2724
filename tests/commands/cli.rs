//! Recorded command lines: exit code, database, reports, results, and what an error names.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use wnm::settings::table::SETTINGS;

use crate::database::{self, Rows};
use crate::home::{Antnode, Home, Ran};
use crate::reports;
use crate::summary::Summary;

/// One recorded run.
struct Step<'a> {
    case: &'a str,
    /// `01_` and so on; empty where there is only one run.
    prefix: String,
    words: Vec<String>,
    variables: BTreeMap<String, String>,
    code: i64,
    before: &'a str,
    after: &'a str,
}

/// Replays all cases under `golden` with `only` in their names.
pub fn replay(golden: &Path, home: &mut Home, only: &str) -> Summary {
    let mut summary = Summary::default();
    let Ok(index) = fs::read_to_string(golden.join("cli/INDEX.jsonl")) else {
        summary.skipped.push("cli: no recordings".to_owned());
        return summary;
    };
    for line in index.lines() {
        let case: Value = serde_json::from_str(line).expect("a line of the index");
        let name = case["name"].as_str().expect("a name");
        if !name.contains(only) {
            continue;
        }
        let as_root = name.starts_with("init_as_root");
        if as_root && (!home.is_root() || !name.contains("user_manager")) {
            summary
                .skipped
                .push(format!("{name}: it makes a colony outside the home, as root"));
            continue;
        }
        let found = replay_case(golden, home, &case, name, as_root);
        summary.count(name, &found);
    }
    summary
}

fn replay_case(golden: &Path, home: &mut Home, case: &Value, name: &str, as_root: bool) -> Vec<String> {
    let folder = golden.join("cli").join(name);
    home.empty(antnode(name));
    for file in fs::read_dir(&folder).expect("a folder of the case").flatten() {
        let file_name = file.file_name().into_string().expect("a name");
        if let Some(place) = file_name.strip_prefix("file_") {
            let text = fs::read_to_string(file.path()).expect("a text");
            home.put(&place.replace("__", "/"), &text);
        }
    }
    let mut found = Vec::new();
    let mut standing = String::new();
    for step in case["steps"].as_array().expect("steps") {
        let step = Step::read(name, step);
        if step.before.ends_with(".sql") {
            standing = dump(golden, &folder, step.before);
        }
        step.prepare(golden, &standing, home);
        let before = Rows::of_file(&place(home));
        home.populate(&before);
        let ran = home.run(&step.asked(), &step.variables, as_root);
        home.silence();
        let ours = Rows::of_file(&place(home));
        let mut differs = step.compare(&folder, &ran);
        match step.after {
            "unchanged" if step.before.ends_with(".sql") => {
                let recorded = Rows::of_dump(&standing);
                differs.extend(before.within(&recorded).differences(&ours, false));
            }
            "not dumped" => {}
            after => {
                if after.ends_with(".sql") {
                    standing = dump(golden, &folder, after);
                }
                let recorded = Rows::of_dump(&standing).with_texts(|text| home.here(text));
                differs.extend(recorded.differences(&ours, true));
            }
        }
        found.extend(differs.into_iter().map(|what| format!("{}{what}", step.prefix)));
        if std::env::var_os("VERBOSE").is_some() {
            eprintln!(
                "{name} {}{:?} -> {}\n{}{}",
                step.prefix, step.words, ran.code, ran.stdout, ran.stderr
            );
        }
    }
    found
}

/// The text of the dump that the index names.
fn dump(golden: &Path, folder: &Path, name: &str) -> String {
    let place = if name.starts_with("db_dumps/") {
        golden.join(name)
    } else {
        folder.join(name)
    };
    fs::read_to_string(&place).unwrap_or_else(|error| panic!("{}: {error}", place.display()))
}

/// The only database under the home, wherever the case created it.
fn place(home: &Home) -> PathBuf {
    let own = home.database();
    let other = home.path().join("other.db");
    if own.exists() || !other.exists() {
        own
    } else {
        other
    }
}

/// The antnode of a case, from its name.
fn antnode(name: &str) -> Antnode<'_> {
    if let Some(version) = name.strip_prefix("env_antnode_version_") {
        Antnode::Of(version)
    } else if name.starts_with("env_antnode_broken") {
        Antnode::Broken
    } else if name.contains("no_antnode") {
        Antnode::Missing
    } else {
        Antnode::Of("0.4.17")
    }
}

impl<'a> Step<'a> {
    fn read(case: &'a str, step: &'a Value) -> Step<'a> {
        let text = |value: &'a Value| value.as_str().expect("a text");
        Step {
            case,
            prefix: step["step"]
                .as_str()
                .map(|step| format!("{step}_"))
                .unwrap_or_default(),
            words: step["argv"]
                .as_array()
                .expect("words")
                .iter()
                .map(|word| text(word).to_owned())
                .collect(),
            variables: step["env"]
                .as_object()
                .expect("variables")
                .iter()
                .map(|(name, value)| (name.clone(), text(value).to_owned()))
                .collect(),
            code: step["rc"].as_i64().expect("a code"),
            before: text(&step["db_before"]),
            after: text(&step["db_after"]),
        }
    }

    /// Puts the database in place, and the lock file of a killed run.
    fn prepare(&self, golden: &Path, rows: &str, home: &mut Home) {
        if self.case.starts_with("lock_") && self.prefix != "02_" && self.prefix != "03_" {
            home.put(".local/share/autonomi/wnm_active", "1795459708\n");
        }
        if self.case == "dbpath_not_a_database" {
            home.put(".local/share/autonomi/colony.db", "this is no database\n");
        }
        if !self.before.ends_with(".sql") {
            return;
        }
        let own = self.case.strip_prefix("migrate_").unwrap_or_default();
        let schemas = schemas(golden, own, rows);
        if self.case.starts_with("migrate_") {
            let rows = home.here(rows);
            assert!(
                schemas
                    .iter()
                    .any(|schema| database::make(&home.database(), schema, &rows)),
                "no schema fits the rows of {}",
                self.case
            );
            return;
        }
        let place = if self.words.iter().any(|word| word.contains("other.db")) {
            home.path().join("other.db")
        } else {
            home.database()
        };
        home.put_adopted(rows, &place, |own| {
            let is_made = schemas.iter().any(|schema| database::make(own, schema, rows));
            assert!(is_made, "no schema fits the rows of {}", self.case);
        });
        if self.case.ends_with("antnode_path_set") {
            home.put("elsewhere/antnode", "");
        }
    }

    fn is_ordered(&self) -> bool {
        self.words.iter().any(|word| word.starts_with("--force_action"))
            || self.variables.contains_key("FORCE_ACTION")
    }

    /// The arguments, with `--json` where the Python wnm logs the result of a plan.
    fn asked(&self) -> Vec<String> {
        let mut words = self.words.clone();
        if self.is_planned() && !words.iter().any(|word| word == "--json") {
            words.push("--json".to_owned());
        }
        words
    }

    fn is_planned(&self) -> bool {
        let others = ["--init", "--version", "--remove_lockfile", "--help", "-h"];
        !self.is_ordered()
            && !self.variables.contains_key("REPORT")
            && !self
                .words
                .iter()
                .any(|word| others.contains(&word.as_str()) || word.contains("report"))
    }

    /// The differences of the run itself.
    fn compare(&self, folder: &Path, ran: &Ran) -> Vec<String> {
        let read = |name: &str| {
            fs::read_to_string(folder.join(format!("{}{name}", self.prefix))).unwrap_or_default()
        };
        let (stdout, stderr) = (read("stdout"), read("stderr"));
        let mut found = Vec::new();
        if i64::from(ran.code) != self.code {
            found.push(format!("code {} -> {}", self.code, ran.code));
        }
        if ran.stderr.contains("panicked") {
            found.push("panic".to_owned());
        }
        match peers_result(&stderr) {
            Some(peer) => match serde_json::from_str::<Value>(&ran.stdout) {
                Ok(ours) if self.is_ordered() => reports::compare_json("result", &peer, &ours, &mut found),
                Ok(ours) => reports::compare_json("result", &peer["status"], &ours["status"], &mut found),
                Err(_) => found.push("result is missing".to_owned()),
            },
            None if !stdout.is_empty() || (ran.code == 0 && !self.is_ordered() && !self.is_planned()) => {
                found.extend(reports::compare("stdout", &stdout, &ran.stdout));
            }
            None => {}
        }
        if self.code != 0 && ran.code != 0 {
            found.extend(self.unnamed(&stderr, &ran.stderr));
        }
        found
    }

    /// Settings and values in the last line of the Python wnm that are missing in ours.
    fn unnamed(&self, peer: &str, ours: &str) -> Vec<String> {
        let last = peer.lines().last().unwrap_or_default();
        let mut found = Vec::new();
        for setting in SETTINGS {
            let is_word = last
                .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .any(|word| word.eq_ignore_ascii_case(setting.name));
            if is_word && setting.name.contains('_') && !ours.contains(setting.name) {
                found.push(format!("stderr does not name {}", setting.name));
            }
        }
        let quoted = last.split('\'').skip(1).step_by(2);
        for value in quoted.filter(|value| !value.is_empty() && !ours.contains(*value)) {
            let said = |text: &String| text.ends_with(value);
            if self.words.iter().any(said) || self.variables.values().any(said) {
                found.push(format!("stderr does not name the value {value}"));
            }
        }
        found
    }
}

/// The possible schemas of a dump, most likely first: the one in its name, then those of the revision in
/// it.
fn schemas(golden: &Path, own: &str, rows: &str) -> Vec<String> {
    let told = rows.split_once("alembic_version (version_num) VALUES ('");
    let revision = told
        .and_then(|(_, rest)| rest.split_once('\''))
        .map(|(revision, _)| revision);
    let revision = revision.unwrap_or("no_alembic_version");
    let names = [
        own,
        &format!("{revision}_fresh"),
        revision,
        "no_alembic_version_head",
        "no_alembic_version",
    ]
    .map(|name| golden.join("schema").join(format!("{name}.sql")));
    names
        .iter()
        .filter_map(|place| fs::read_to_string(place).ok())
        .collect()
}

/// The result that the Python wnm logged.
fn peers_result(stderr: &str) -> Option<Value> {
    let (_, text) = stderr.rsplit_once("Action: ")?;
    serde_json::Deserializer::from_str(text)
        .into_iter::<Value>()
        .next()?
        .ok()
}
