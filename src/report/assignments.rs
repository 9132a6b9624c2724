//! Names and values as lines: `name: value` for people, `NAME=value` for a shell and for `.env`, `name=value` for a
//! config file.
//!
//! They are the peer's lines. Only values that could not be read back from the peer's lines are quoted: spaces, quotes,
//! dollar signs and empty values.

use serde_json::{Map, Value};

use crate::settings::table::{self, Lifetime};

/// Values that the peer always quotes.
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

/// Lines for people.
#[must_use]
pub fn text(map: &Map<String, Value>) -> String {
    let lines = map
        .iter()
        .map(|(name, value)| format!("{name}: {}", plain(value)));
    lines.collect::<Vec<String>>().join("\n")
}

/// Lines for a shell's `eval` and for `.env`.
#[must_use]
pub fn env(map: &Map<String, Value>) -> String {
    lines(map, |name, text| {
        let variable = table::find(name).and_then(table::Setting::variable);
        let variable = variable.unwrap_or_else(|| name.to_ascii_uppercase());
        format!("{variable}={}", for_shell(name, text))
    })
}

/// Lines for a config file.
#[must_use]
pub fn config(map: &Map<String, Value>) -> String {
    lines(map, |name, text| {
        // An old colony may have no value for a setting that needs one. An empty value would set it.
        let is_unset = map[name].is_null()
            && table::find(name)
                .is_some_and(|setting| setting.lifetime != Lifetime::Run && !setting.or_none());
        if is_unset {
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
    // The shell expands `~` to the same directory as wnm.
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

/// A value as the peer's text reports write it, in the notation of Python.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => text.clone(),
        Value::Object(map) => {
            let entries: Vec<String> = map
                .iter()
                .map(|(key, value)| {
                    let key = if key == "null" {
                        "None".to_owned()
                    } else {
                        format!("'{key}'")
                    };
                    format!("{key}: {}", plain(value))
                })
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        other => other.to_string(),
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
    fn writes_readable_values_as_the_peer_does() {
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
    fn never_writes_none_for_an_empty_value() {
        assert_eq!(env(&map("antctl_version", Value::Null)), "ANTCTL_VERSION=\"\"");
        assert_eq!(config(&map("antctl_version", Value::Null)), "antctl_version=\"\"");
        assert_eq!(
            config(&map("docker_image", Value::Null)),
            "# docker_image is not set"
        );
    }

    #[test]
    fn quoted_values_can_be_read_back() {
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
        fn reads_back_every_value(text in "[ -~é]{0,24}", name in "environment|docker_image") {
            let text = text.trim();
            let map = map(&name, json!(text));
            // The first line is not valid TOML, as in every report.
            let lines = format!("process_manager=systemd+user\n{}\n", config(&map));
            let read = config_file::parse(&lines, Path::new("/c")).unwrap();
            // A value in square brackets is read as a list.
            prop_assume!(!(text.starts_with('[') && text.ends_with(']')));
            prop_assert_eq!(&read[1].text, text);
            let read = environment::parse_dotenv(&env(&map), Path::new("/e"), &Variables::default()).unwrap();
            let read = read.first().map_or("", |value| value.text.as_str());
            prop_assert_eq!(read, text);
        }
    }
}
