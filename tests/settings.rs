//! Settings from flags, environment and files, as one run reads them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use serde_json::Value;
use strum::VariantArray;
use wnm::arguments::{self, Arguments};
use wnm::colony::Timestamp;
use wnm::settings::locations::{self, HostFacts, Operator, Platform};
use wnm::settings::table::{Group, Lifetime, ValueType};
use wnm::settings::table::{SETTINGS, Setting};
use wnm::settings::{self, Resolved, SettingsError, Variables, defaults, parse_value};

/// A row of `machine` from the store.
type Row = Vec<(String, Option<String>)>;

/// The settings of a colony with this row after a run with these arguments, variables and files.
fn heard(
    home: &Path,
    argv: &[String],
    env: &[(String, String)],
    row: &Row,
) -> Result<Resolved, SettingsError> {
    let args = ["wnm".to_owned()].into_iter().chain(argv.iter().cloned());
    let Arguments::Run(flags) = arguments::parse(args.map(OsString::from))? else {
        panic!("neither help nor version is asked for here");
    };
    let variables: Variables = env.iter().cloned().collect();
    let said = settings::read_layers(flags, &variables, home)?;
    let operator = Operator {
        user: "op".to_owned(),
        uid: 1234,
        home: home.to_owned(),
    };
    let machine = HostFacts {
        platform: Platform::Linux,
        peek: &|_| wnm::colony::StoredPlace::Nothing,
        systemd: &|_| true,
    };
    let place = locations::find(&said, &operator, &machine, &variables)?;
    let mut all = defaults::values(&place, 2, Timestamp(1_795_456_290));
    all.extend(settings::from_machine_row(row.iter().cloned()));
    all.extend(said);
    settings::resolve(&all, &place, &variables)
}

/// A column as text, in SQLite's form.
fn column(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Bool(on) => Some(i64::from(*on).to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        other => panic!("{other}"),
    }
}

/// One recorded merge.
struct Case {
    name: String,
    argv: Vec<String>,
    env: Vec<(String, String)>,
    file: Option<String>,
    row: Row,
    /// The values that the Python wnm stores; None: it ends with an error.
    peer: Option<BTreeMap<String, Option<String>>>,
}

impl Case {
    fn read(line: &str) -> Case {
        let case: Value = serde_json::from_str(line).expect("JSON");
        let columns = |value: &Value| -> Row {
            let map = value.as_object().expect("an object");
            map.iter()
                .map(|(name, value)| (name.clone(), column(value)))
                .collect()
        };
        let texts = |value: &Value| column(value).expect("not null");
        Case {
            name: texts(&case["name"]),
            argv: case["argv"]
                .as_array()
                .expect("a list")
                .iter()
                .map(texts)
                .collect(),
            env: columns(&case["env"])
                .into_iter()
                .map(|(name, value)| (name, value.expect("a text")))
                .collect(),
            file: column(&case["config_file"]),
            row: columns(&case["machine"]),
            peer: case
                .get("changes")
                .map(|changes| columns(changes).into_iter().collect()),
        }
    }
}

/// Differences from recorded merges: the rule, and the names. `*` at either end stands for any text.
const RULES: &[(&str, &[&str])] = &[
    (
        "a lower limit must be below its upper limit",
        &[
            "*_remove/zero",
            "hdio_*_less_than/changed",
            "*io_read_less_than/*",
            "*io_write_less_than/*",
            "desired_load_average/*",
            "max_load_average_allowed/*",
        ],
    ),
    (
        "a value out of range is rejected",
        &[
            "max_concurrent_*",
            "*/v_i64max",
            "*/v_i64max1",
            "*negative*",
            "*_load_average*/inf",
            "*_load_average*/neg",
            "*_load_average*/zero",
            "desired_load_average/nan",
            "highest_node_id_used/-1*",
        ],
    ),
    (
        "an empty flag is a value",
        &[
            "*_storage/empty",
            "*_path/empty",
            "*_address/empty",
            "environment/empty",
            "start_args/empty",
            "*_port_start/v=empty",
            "port_start/v=empty",
            "*_average_allowed/empty",
        ],
    ),
    (
        "an empty variable is ignored",
        &["*/env_empty", "choices/force_action_env_empty"],
    ),
    (
        "an unknown flag or key is rejected",
        &[
            "file_unknown_key",
            "abbreviated_flag*",
            "unknown_flag",
            "typo_flag",
            "double_dash",
        ],
    ),
    (
        "keys can be in upper case, flags can have dashes, switches can have values, also in files",
        &[
            "*/file_upper",
            "*/hyphen_flag",
            "*/flag_equals_true",
            "*_upnp/row?/file_*",
            "antctl_debug/row?/file_*",
        ],
    ),
    (
        "a change of a setting that init fixed is rejected at once",
        &["*port_start/*", "process_manager/*", "highest_node_id_used/*"],
    ),
    (
        "spaces around a value are ignored",
        &["*/with_spaces", "*/trailing_space", "*/trailing_slash", "*/tilde"],
    ),
    (
        "wallets and variables are validated",
        &[
            "donate_address/*",
            "environment/*",
            "rewards_address/bad_same_as_row",
        ],
    ),
    (
        "disable_config turns a switch off, never on",
        &["*/disable_config*"],
    ),
    (
        "host and last_stopped_at are stored",
        &["not_stored/host*", "not_stored/last_stopped_at*"],
    ),
    (
        "arguments for the node can begin with a dash",
        &["start_args/dash_value_space"],
    ),
];

/// Whether `name` matches `pattern`: `*` is any text, `?` is one character.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.chars().next() {
        None => name.is_empty(),
        Some('*') => (0..=name.len()).any(|at| name.is_char_boundary(at) && fits(&pattern[1..], &name[at..])),
        Some('?') => name
            .chars()
            .next()
            .is_some_and(|c| fits(&pattern[1..], &name[c.len_utf8()..])),
        Some(c) => name
            .strip_prefix(c)
            .is_some_and(|rest| fits(&pattern[c.len_utf8()..], rest)),
    }
}

/// The number of recorded merges that are equal, that differ by a rule, and the names of the others.
pub fn replay_merges(golden: &Path) -> (usize, usize, Vec<String>) {
    let text = fs::read_to_string(golden.join("config_merge.jsonl")).unwrap_or_default();
    let (mut equal, mut ruled, mut unexplained) = (0, 0, Vec::new());
    for case in text.lines().map(Case::read) {
        let home = tempfile::tempdir().expect("a home");
        if let Some(text) = &case.file {
            let folder = home.path().join(".local/share/wnm");
            fs::create_dir_all(&folder).expect("its folder");
            fs::write(folder.join("config"), text).expect("the file");
        }
        let ours = heard(home.path(), &case.argv, &case.env, &case.row);
        let kept: Result<BTreeMap<String, Option<String>>, String> = ours
            .map(|resolved| {
                let changes = resolved.changes.into_iter();
                changes.map(|(name, text)| (name.to_owned(), text)).collect()
            })
            .map_err(|error| error.to_string());
        let same = match (&case.peer, &kept) {
            (None, Err(_)) => true,
            (Some(peer), Ok(ours)) => peer == ours,
            _ => false,
        };
        let is_ruled = RULES
            .iter()
            .any(|(_, names)| names.iter().any(|pattern| fits(pattern, &case.name)));
        match (same, is_ruled) {
            (true, _) => equal += 1,
            (false, true) => ruled += 1,
            (false, false) => {
                unexplained.push(format!("{}: the peer {:?}, we {kept:?}", case.name, case.peer));
            }
        }
    }
    (equal, ruled, unexplained)
}

#[test]
fn recorded_merges_are_equal_except_by_documented_rules() {
    let Ok(golden) = std::env::var("WNM_GOLDEN") else {
        eprintln!("skipped: WNM_GOLDEN names no folder with what the peer answered");
        return;
    };
    let (equal, ruled, unexplained) = replay_merges(Path::new(&golden));
    assert!(equal + ruled + unexplained.len() > 100, "{equal} and {ruled}");
    assert!(
        unexplained.is_empty(),
        "{}\n{}",
        unexplained.len(),
        unexplained.join("\n")
    );
}

/// A recorded first run: its arguments, variables and files, and the row that it left; None if it failed.
fn first_run(folder: &Path, golden: &Path, step: &Value, home: &str) -> Option<Row> {
    let dump = step["db_after"].as_str()?;
    let file = if dump.starts_with("db_dumps/") {
        golden.join(dump)
    } else {
        folder.join(dump)
    };
    let schema = fs::read_to_string(golden.join("schema/e2f4a512d24c.sql")).expect("the schema");
    let database = rusqlite::Connection::open_in_memory().expect("a database");
    database.execute_batch(&schema).expect("its tables");
    database
        .execute_batch(&fs::read_to_string(file).ok()?)
        .expect("its rows");
    let mut query = database.prepare("SELECT * FROM machine").expect("the row");
    let names: Vec<String> = query.column_names().map(str::to_owned).collect();
    let read = |row: &rusqlite::Row<'_>| -> Row {
        let cells = names.iter().enumerate().map(|(n, name)| {
            let text = match row.get_unwrap::<_, rusqlite::types::Value>(n) {
                rusqlite::types::Value::Null => None,
                rusqlite::types::Value::Integer(value) => Some(value.to_string()),
                rusqlite::types::Value::Real(value) => Some(format!("{value:?}")),
                rusqlite::types::Value::Text(text) => Some(text.replace("/home/op", home)),
                other => panic!("{other:?}"),
            };
            (name.clone(), text)
        });
        cells.collect()
    };
    query.query_row([], |row| Ok(read(row))).ok()
}

#[test]
fn recorded_first_runs_are_equal_except_by_documented_rules() {
    let Ok(golden) = std::env::var("WNM_GOLDEN") else {
        eprintln!("skipped: WNM_GOLDEN names no folder with what the peer answered");
        return;
    };
    let golden = Path::new(&golden);
    let index = fs::read_to_string(golden.join("cli/INDEX.jsonl")).unwrap();
    let (mut same, mut unexplained) = (0, Vec::new());
    for case in index
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
    {
        let (name, step) = (case["name"].as_str().unwrap(), &case["steps"][0]);
        let argv: Vec<&str> = step["argv"]
            .as_array()
            .unwrap()
            .iter()
            .map(|word| word.as_str().unwrap())
            .collect();
        let fresh = step["db_before"] == "(no database file)" && argv.contains(&"--init");
        if !fresh
            || name.starts_with("start_")
            || name.starts_with("init_as_root")
            || name.starts_with("dbpath")
        {
            continue;
        }
        let temporary = tempfile::tempdir().unwrap();
        let home = temporary.path().to_str().unwrap();
        let folder = golden.join("cli").join(name);
        for file in fs::read_dir(&folder).unwrap().flatten() {
            let kind = file.file_name().into_string().unwrap();
            if let Some(path) = kind.strip_prefix("file_") {
                let path = temporary.path().join(path.replace("__", "/"));
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                let text = fs::read_to_string(file.path()).unwrap().replace("/home/op", home);
                fs::write(path, text).unwrap();
            }
        }
        let argv: Vec<String> = argv
            .into_iter()
            .map(|word| word.replace("/home/op", home))
            .collect();
        let env = step["env"].as_object().unwrap().iter();
        let mut env: Vec<(String, String)> = env
            .map(|(name, text)| (name.clone(), text.as_str().unwrap().replace("/home/op", home)))
            .collect();
        env.push(("HOME".to_owned(), home.to_owned()));
        let theirs = first_run(&folder, golden, step, home);
        let ours = heard(temporary.path(), &argv, &env, &Vec::new());
        match (theirs, ours) {
            (None, Err(_)) => same += 1,
            (Some(theirs), Ok(ours)) => {
                let differs: Vec<_> = theirs
                    .iter()
                    .filter_map(|(name, theirs)| {
                        let (_, ours) = ours.row.iter().find(|(own, _)| own == name)?;
                        (ours != theirs).then(|| format!("{name} {ours:?} and not {theirs:?}"))
                    })
                    .collect();
                if differs.is_empty() {
                    same += 1;
                } else {
                    unexplained.push(format!("{name}: {}", differs.join(", ")));
                }
            }
            (theirs, ours) => unexplained.push(format!(
                "{name}: the peer {}, we {:?}",
                if theirs.is_some() {
                    "made a colony"
                } else {
                    "made none"
                },
                ours.map(|_| "make one").map_err(|error| error.to_string())
            )),
        }
    }
    unexplained.retain(|line| {
        !FIRST_RUNS
            .iter()
            .any(|(_, names)| names.iter().any(|name| line.starts_with(name)))
    });
    assert!(
        unexplained.is_empty(),
        "{same} the same, but\n{}",
        unexplained.join("\n")
    );
    assert!(same > 20, "{same}");
}

/// Differences from recorded first runs: the rule, and the names.
const FIRST_RUNS: &[(&str, &[&str])] = &[
    (
        "last_stopped_at is kept when it is said",
        &["all_settings_", "init_last_stopped"],
    ),
    ("spaces around a value are ignored", &["init_good_spaces"]),
    (
        "a manager has the paths of its mode however it is said",
        &["init_pm_systemd_sudo"],
    ),
    (
        "what cannot be is refused",
        &[
            "number_init_hd_remove_zero",
            "number_init_inf",
            "number_init_negative",
            "port_form_init_",
        ],
    ),
    ("`.env` is always read", &["precedence_13", "precedence_14"]),
    ("an empty variable says nothing", &["precedence_16"]),
];

/// The page has the table of settings between these marks.
const MARKS: [&str; 2] = ["<!-- generated from the table of settings -->", "<!-- end -->"];

/// The table of all settings in the form of the page.
fn tables() -> String {
    let mut page = String::new();
    for group in Group::VARIANTS.iter().copied() {
        page.push_str(&format!("\n### {}\n\n", group.heading()));
        page.push_str(
            "| setting | variable | value | default | meaning |\n| --- | --- | --- | --- | --- |\n",
        );
        for setting in SETTINGS.iter().filter(|setting| setting.group == group) {
            page.push_str(&entry(setting));
        }
    }
    page + "\n"
}

fn entry(setting: &Setting) -> String {
    let variable = match setting.variable() {
        Some(name) => format!("`{name}`"),
        None if setting.lifetime == Lifetime::Flag => "flag only".to_owned(),
        None => String::new(),
    };
    let default = match setting.default {
        "" => String::new(),
        text => format!("`{text}`"),
    };
    format!(
        "| `{}` | {variable} | {} | {default} | {} |\n",
        setting.name,
        match setting.value_type {
            ValueType::Switch => "on or off".to_owned(),
            _ => parse_value::describe_allowed(setting).replace('|', "\\|"),
        },
        setting.help.replace('|', "\\|"),
    )
}

#[test]
fn page_of_settings_matches_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/settings.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(MARKS[0]).expect("the first mark");
    let (_, after) = rest.split_once(MARKS[1]).expect("the second mark");
    let fresh = format!("{before}{}\n{}{}{after}", MARKS[0], tables(), MARKS[1]);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &fresh).unwrap();
    } else {
        assert!(
            page == fresh,
            "docs/settings.md differs from the table of settings; UPDATE=1 updates it"
        );
    }
}

#[test]
fn output_of_machine_config_can_be_read_back() {
    let home = tempfile::tempdir().unwrap();
    let argv = [
        "--rewards_address",
        "faucet",
        "--environment",
        "A=1 B='x y'",
        "--start_args",
        "--local --first",
    ];
    let made = heard(home.path(), &argv.map(str::to_owned), &[], &Vec::new()).unwrap();
    let row: Row = made
        .row
        .iter()
        .map(|(name, text)| ((*name).to_owned(), text.clone()))
        .collect();
    let text = |quote: &str| -> String {
        let line = |(name, text): &(String, Option<String>)| {
            format!("{name}={quote}{}{quote}\n", text.as_deref().unwrap_or("None"))
        };
        row.iter().map(line).collect()
    };
    let folder = home.path().join("wnm");
    fs::create_dir_all(&folder).unwrap();
    for quote in ["", "\""] {
        fs::write(folder.join("config"), text(quote)).unwrap();
        let again = heard(home.path(), &[], &[], &row).unwrap();
        assert_eq!(again.changes, [], "{}", text(quote));
    }
}
