//! Names and values as lines that can be read back: `NAME=value` for a shell and for `.env`, `name=value` for a
//! file of settings.
//!
//! Both are the peer's lines wherever those mean what they should. Where the peer would write what cannot be
//! read back (blanks, quotes and dollar signs, nothing at all) the value is quoted.

use serde_json::{Map, Value};

use crate::settings::table::{self, Lifetime};

use super::machine_reports::plain;

/// What the peer puts between quotes whatever it holds.
const QUOTED: [&str; 8] = [
    "node_storage",
    "environment",
    "start_args",
    "antnode_path",
    "dbpath",
    "antnode",
    "nodes_by_version",
    "nodes_by_binary",
];

/// Lines a shell can `eval`, and `.env` can hold.
#[must_use]
pub fn env(map: &Map<String, Value>) -> String {
    lines(map, |name, text| {
        let variable = table::find(name).and_then(table::Setting::variable);
        let variable = variable.unwrap_or_else(|| name.to_ascii_uppercase());
        format!("{variable}={}", for_shell(name, text))
    })
}

/// Lines a file of settings can hold.
#[must_use]
pub fn config(map: &Map<String, Value>) -> String {
    lines(map, |name, text| {
        // A column that holds nothing where there must be something is an old colony's: to say it is to set it.
        let is_unsaid = map[name].is_null()
            && table::find(name).is_some_and(|setting| setting.kept != Lifetime::Run && !setting.or_none());
        if is_unsaid {
            format!("# {name} is not set")
        } else {
            format!("{name}={}", for_file(name, text))
        }
    })
}

fn lines(map: &Map<String, Value>, line: impl Fn(&str, &str) -> String) -> String {
    let written: Vec<String> = map
        .iter()
        .map(|(name, value)| match value {
            Value::Null => line(name, ""),
            value => line(name, &plain(value)),
        })
        .collect();
    written.join("\n")
}

fn for_shell(name: &str, text: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    // A home that the shell puts in for `~` is what wnm would put in.
    let rest = text.strip_prefix("~/").filter(|_| name == "antctl_path");
    if !QUOTED.contains(&name) && !text.is_empty() && rest.unwrap_or(text).chars().all(is_bare) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        if matches!(c, '"' | '\\' | '$' | '`') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

fn for_file(name: &str, text: &str) -> String {
    let is_comment = |at: usize| at == 0 || text[..at].ends_with(char::is_whitespace);
    let is_bare = !text.is_empty()
        && text == text.trim()
        && !text.starts_with(['"', '\'', '[', '='])
        && !text.match_indices(['#', ';']).any(|(at, _)| is_comment(at));
    if is_bare && !QUOTED.contains(&name) {
        text.to_owned()
    } else if !text.contains('"') {
        format!("\"{text}\"")
    } else if !text.contains('\'') {
        format!("'{text}'")
    } else {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::settings::{Variables, config_file, environment};

    fn map(name: &str, value: Value) -> Map<String, Value> {
        [(name.to_owned(), value)].into_iter().collect()
    }

    #[test]
    fn what_the_peer_writes_and_can_be_read_is_written_as_it_writes_it() {
        for (name, value, in_env, in_config) in [
            ("node_cap", json!(40), "NODE_CAP=40", "node_cap=40"),
            ("no_upnp", json!(true), "NO_UPNP=True", "no_upnp=True"),
            (
                "desired_load_average",
                json!(2.0),
                "DESIRED_LOAD_AVERAGE=2.0",
                "desired_load_average=2.0",
            ),
            ("environment", json!(""), "ENVIRONMENT=\"\"", "environment=\"\""),
            ("antctl_path", json!("~/a"), "ANTCTL_PATH=~/a", "antctl_path=~/a"),
            (
                "antnode_path",
                json!("~/a"),
                "ANTNODE_PATH=\"~/a\"",
                "antnode_path=\"~/a\"",
            ),
            (
                "process_manager",
                json!("systemd+user"),
                "PROCESS_MANAGER=systemd+user",
                "process_manager=systemd+user",
            ),
        ] {
            assert_eq!(env(&map(name, value.clone())), in_env);
            assert_eq!(config(&map(name, value)), in_config);
        }
    }

    #[test]
    fn nothing_is_never_the_word_none() {
        assert_eq!(env(&map("antctl_version", Value::Null)), "ANTCTL_VERSION=\"\"");
        assert_eq!(config(&map("antctl_version", Value::Null)), "antctl_version=\"\"");
        assert_eq!(
            config(&map("docker_image", Value::Null)),
            "# docker_image is not set"
        );
    }

    #[test]
    fn quotes_are_written_so_that_they_can_be_read() {
        let both = map("environment", json!("A=\"x # y\" B='$HOME'"));
        assert_eq!(env(&both), r#"ENVIRONMENT="A=\"x # y\" B='\$HOME'""#);
        assert_eq!(config(&both), r#"environment="A=\"x # y\" B='$HOME'""#);
        let one = map("environment", json!("A=\"x y\""));
        assert_eq!(config(&one), r#"environment='A="x y"'"#);
        assert_eq!(env(&map("docker_image", json!("a b"))), "DOCKER_IMAGE=\"a b\"");
        assert_eq!(config(&map("docker_image", json!("a b"))), "docker_image=a b");
        assert_eq!(
            config(&map("docker_image", json!("a #b"))),
            "docker_image=\"a #b\""
        );
    }

    proptest! {
        #[test]
        fn whatever_a_setting_holds_is_read_back(text in "[ -~é]{0,24}", name in "environment|docker_image") {
            let text = text.trim();
            let map = map(&name, json!(text));
            // A line before it that is no TOML, as in every report.
            let lines = format!("process_manager=systemd+user\n{}\n", config(&map));
            let read = config_file::read(&lines, Path::new("/c")).unwrap();
            // In square brackets it is a list where the setting can be one.
            prop_assume!(!(text.starts_with('[') && text.ends_with(']')));
            prop_assert_eq!(&read[1].text, text);
            let read = environment::dotenv(&env(&map), Path::new("/e"), &Variables::default()).unwrap();
            let read = read.first().map_or("", |saying| saying.text.as_str());
            prop_assert_eq!(read, text);
        }
    }
}
