//! Plays days of a colony in seconds: the engine of wnm on a simulated machine.
//!
//! ```text
//! $ cargo run --release --example simulate -- tests/scenarios/*.toml
//! ```
//!
//! See docs/simulate.md.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

mod simulate {
    pub mod colony;
    pub mod engine;
    pub mod machine;
    pub mod outcome;
    pub mod scenario;
    pub mod settings;
}

use simulate::colony::Play;
use simulate::engine::Rules;
use simulate::outcome;
use simulate::scenario::Scenario;

const USAGE: &str = "usage: simulate [--policy wnm|peer] [--json] [--trace] SCENARIO...";

/// What the command line asks for.
#[derive(Default)]
struct Request {
    peer: bool,
    json: bool,
    trace: bool,
    files: Vec<PathBuf>,
}

fn main() -> ExitCode {
    match request().and_then(|request| play(&request)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn request() -> Result<Request, String> {
    let mut request = Request::default();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--json" => request.json = true,
            "--trace" => request.trace = true,
            "--policy" => match words.next().as_deref() {
                Some("peer") => request.peer = true,
                Some("wnm") => request.peer = false,
                other => {
                    return Err(format!(
                        "`--policy` is `wnm` or `peer`, not `{}`",
                        other.unwrap_or_default()
                    ));
                }
            },
            flag if flag.starts_with("--") => return Err(format!("unexpected argument `{flag}`\n{USAGE}")),
            file => request.files.push(file.into()),
        }
    }
    if request.files.is_empty() {
        return Err(format!("no scenario given\n{USAGE}"));
    }
    Ok(request)
}

#[expect(clippy::print_stdout, reason = "the table is the result")]
fn play(request: &Request) -> Result<(), String> {
    let rules = if request.peer { Rules::Peer } else { Rules::Wnm };
    let mut results = Vec::new();
    if !request.json {
        println!("{}", outcome::heading());
    }
    for file in &request.files {
        let scenario = Scenario::read(file)?;
        let outcome = Play::new(&scenario, rules, request.trace)?.run();
        let name = name(file);
        if request.json {
            results.push(json!({
                "scenario": name,
                "about": scenario.about,
                "hours": scenario.hours,
                "policy": rules.word(),
                "outcome": outcome,
            }));
        } else {
            println!("{}", outcome::line(&name, rules.word(), &outcome));
        }
    }
    if request.json {
        println!("{:#}", json!(results));
    }
    Ok(())
}

fn name(file: &Path) -> String {
    file.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
