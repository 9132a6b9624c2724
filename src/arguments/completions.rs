//! Completion of the command line in shells. The script of a shell asks wnm for the words, so that it knows the nodes of
//! the colony.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::sync::Arc;

use clap::{Arg, ArgAction, Command, ValueHint};
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};
use clap_complete::{ArgValueCompleter, CompletionCandidate};

use super::flags::{self, OPERANDS};
use super::subcommands::{Operands, Subcommand};
use crate::settings::table;

/// The variable with which a script asks for words; its value is the shell.
pub const VARIABLE: &str = "_WNM_COMPLETE";

/// Returns the names of the nodes of the colony. It is called only where a node can stand.
pub type NodeNames = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

fn shell(name: &str) -> &'static dyn EnvCompleter {
    match name {
        "zsh" => &Zsh,
        "fish" => &Fish,
        _ => &Bash,
    }
}

/// The script for a shell, one of [`flags::SHELLS`].
pub fn script(name: &str) -> String {
    let mut script = Vec::new();
    // Writing to memory does not fail.
    let _ = shell(name).write_registration(VARIABLE, "wnm", "wnm", "wnm", &mut script);
    String::from_utf8_lossy(&script).trim_end().to_owned()
}

/// The words that complete a command line, as the script of a shell reads them. `args`: as the script passes them, with
/// the name of the program first.
///
/// # Errors
/// When the arguments are not those of a script.
pub fn complete(name: &str, args: &[OsString], nodes: &NodeNames) -> io::Result<String> {
    // Before the command line stands `wnm --`.
    let words = args
        .iter()
        .skip(1)
        .skip_while(|arg| *arg == "--")
        .cloned()
        .collect();
    let mut text = Vec::new();
    let here = Path::new(".");
    shell(name).write_complete(&mut command(nodes), words, Some(here), &mut text)?;
    Ok(String::from_utf8_lossy(&text).trim_end().to_owned())
}

/// The command that is completed; it parses nothing.
fn command(nodes: &NodeNames) -> Command {
    let all = flags::all();
    let complete = |flag: &flags::Flag| {
        let arg = flag.complete();
        match flag.setting.name {
            "service_name" => arg.add(node_completer(nodes)),
            _ => arg,
        }
    };
    let commands = Subcommand::all().map(|command| {
        let facts = command.facts();
        let shown = facts.all_flags();
        let own = all.iter().filter(|flag| shown.contains(&flag.setting.name));
        let parser = flags::bare(command.word())
            .about(facts.about)
            .args(own.map(complete));
        operands(facts.operands, nodes)
            .into_iter()
            .fold(parser, Command::arg)
    });
    flags::bare("wnm")
        .args(all.iter().map(complete))
        .subcommands(commands)
}

fn operands(operands: Operands, nodes: &NodeNames) -> Vec<Arg> {
    let arg = |name: &'static str| Arg::new(name).value_hint(ValueHint::Other);
    match operands {
        Operands::None => Vec::new(),
        Operands::Count => vec![arg(OPERANDS)],
        Operands::Nodes => {
            let many = arg(OPERANDS).num_args(0..).action(ArgAction::Append);
            vec![many.add(node_completer(nodes))]
        }
        Operands::Words(_, actions) => {
            let is_config = actions.contains(&"unset");
            let action = Arg::new(OPERANDS).value_parser(clap::builder::PossibleValuesParser::from(actions));
            let name = arg("name").add(ArgValueCompleter::new(move |current: &OsStr| {
                let names: Vec<String> = match is_config {
                    true => table::SETTINGS
                        .iter()
                        .filter(|setting| setting.is_persistent())
                        .map(|setting| setting.name.to_owned())
                        .collect(),
                    false => ["cron", "systemd"].map(str::to_owned).into(),
                };
                matching(names, current)
            }));
            vec![action, name]
        }
    }
}

/// Completes names of nodes, also behind a comma.
fn node_completer(nodes: &NodeNames) -> ArgValueCompleter {
    let nodes = Arc::clone(nodes);
    ArgValueCompleter::new(move |current: &OsStr| {
        let text = current.to_string_lossy();
        let (before, last) = match text.rfind(',') {
            Some(comma) => text.split_at(comma + 1),
            None => ("", &*text),
        };
        let found = matching(nodes(), OsStr::new(last)).into_iter();
        found.map(|candidate| candidate.add_prefix(before)).collect()
    })
}

fn matching(names: Vec<String>, current: &OsStr) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    let fitting = names.into_iter().filter(|name| name.starts_with(&*current));
    fitting.map(CompletionCandidate::new).collect()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::sync::Arc;

    use super::super::flags;
    use super::{NodeNames, command};

    fn completed(words: &[&str]) -> Vec<String> {
        let nodes: NodeNames = Arc::new(|| vec!["antnode0001".to_owned(), "antnode0010".to_owned()]);
        let args: Vec<OsString> = words.iter().map(OsString::from).collect();
        let place = args.len() - 1;
        let found = clap_complete::engine::complete(&mut command(&nodes), args, place, None).unwrap();
        let value =
            |found: &clap_complete::CompletionCandidate| found.get_value().to_string_lossy().into_owned();
        found.iter().map(value).collect()
    }

    #[test]
    fn completes_every_flag_and_value_once() {
        let offered = completed(&["wnm", "--"]);
        for flag in flags::all() {
            let name = format!("--{}", flag.setting.name);
            assert_eq!(offered.iter().filter(|word| **word == name).count(), 1, "{name}");
            if flag.setting.name.contains('_') {
                let other = format!("--{}", flag.setting.kebab());
                assert!(!offered.contains(&other), "{other} is there twice");
            }
            for word in flag.choices() {
                assert!(
                    completed(&["wnm", &name, ""]).contains(&(*word).to_owned()),
                    "{word} of {name}"
                );
                let joined = format!("{name}={word}");
                assert!(completed(&["wnm", &joined]).contains(&joined), "{joined}");
            }
        }
    }

    #[test]
    fn completes_nodes_where_a_node_can_stand() {
        let nodes = ["antnode0001", "antnode0010"];
        assert_eq!(completed(&["wnm", "stop", "ant"]), nodes);
        assert_eq!(completed(&["wnm", "stop", "1", "antnode001"]), ["antnode0010"]);
        assert_eq!(completed(&["wnm", "--service_name", "a"]), nodes);
        assert_eq!(
            completed(&["wnm", "--service_name", "3,antnode000"]),
            ["3,antnode0001"]
        );
        assert_eq!(completed(&["wnm", "config", "s"]), ["set"]);
        assert_eq!(completed(&["wnm", "config", "set", "node_c"]), ["node_cap"]);
        assert_eq!(completed(&["wnm", "schedule", "install", "s"]), ["systemd"]);
        assert_eq!(completed(&["wnm", "start", "--state", "stop"]), ["stopped"]);
        assert_eq!(completed(&["wnm", "--node-c"]), ["--node-cap"]);
        assert!(completed(&["wnm", "st"]).contains(&"status".to_owned()));
    }
}
