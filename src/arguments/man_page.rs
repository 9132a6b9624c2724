//! The man page, made from the same flags as the help.

use std::fmt::Write;

use super::flags::{self, Flag};
use super::help;
use super::subcommands::Subcommand;
use crate::settings::table::{Lifetime, ValueType};

/// The text of the section DESCRIPTION.
const DESCRIPTION: &[&str] = &[
    "wnm runs as many Autonomi nodes (antnode) as the CPU, memory and disk of the machine allow. cron starts it once a \
     minute. A run checks the machine and every node, decides whether to add, start, stop, upgrade or remove nodes, \
     acts through systemd or on plain processes, stores what it did and why, and exits.",
    "With --dry_run, wnm prints what it would do and changes nothing. With --force_action, it does a given action, and \
     ignores limits, quotas and delays. With --report, it prints what is stored.",
    "Only one run can work on a colony at a time; another one exits at once. SIGINT and SIGTERM end a run within two \
     seconds: the current step is completed or undone, and the next run continues.",
];

/// The text at the beginning of the section COMMANDS.
const COMMANDS: &[&str] = &[
    "Without a command, wnm does one run. Nodes are named by number or name (3, antnode0003), by range (1-5), by pattern \
     (antnode00*) or as all. Several names are separated by spaces or commas. --state, --older_than, --storage, --manager \
     and --silent choose among them. A name that no node has is an error before anything is done. In a pipe, a command \
     prints what its flag prints; on a terminal, tables and sentences.",
];

/// The text at the beginning of the section OPTIONS.
const SETTINGS: &[&str] = &[
    "In flags, you can write - for _, and turn a switch off with =off. If a flag is given twice, the last one is used. \
     Settings can also be set as environment variables and in files. Priority: flag, environment variable, \
     ~/.local/share/wnm/.env, --config FILE, ~/wnm/config, ~/.local/share/wnm/config, colony.db, default. Values of \
     settings that apply to more than one run are stored in colony.db.",
];

const CODES: &[(&str, &str)] = &[
    ("0", "Success, also if there was nothing to do."),
    (
        "1",
        "Refused, and nothing was changed: another run holds the lock, there is no colony, the database cannot be read \
         or must be migrated, or --confirm is missing. Also if a signal ended the run.",
    ),
    ("2", "A flag, a key or a value is invalid. Nothing was changed."),
    (
        "3",
        "An action failed, or there were fewer nodes than requested. The other actions were done; the next run continues.",
    ),
    (
        "4",
        "A safety stop: for example, the disk of the nodes is not mounted. --confirm overrides it if the message says so.",
    ),
];

const FILES: &[(&str, &str)] = &[
    (
        "~/.local/share/autonomi/colony.db, /var/antctl/colony.db",
        "The database: settings, nodes and history. The second path is that of +sudo managers.",
    ),
    (
        "wnm_active",
        "The lock file, in the same directory. It can exist between runs; only a held lock prevents a run.",
    ),
    (
        "~/.local/share/autonomi/node, /var/antctl/services",
        "One directory for each node, with its identity. --node_storage sets another path.",
    ),
    (
        "~/.local/share/wnm/config, ~/wnm/config",
        "Settings, as key=value or TOML.",
    ),
    ("~/.local/share/wnm/.env", "Settings as environment variables."),
    (
        "~/.config/systemd/user/antnodeNNNN.service, /etc/systemd/system/antnodeNNNN.service",
        "The unit of a node under systemd.",
    ),
];

const VARIABLES: &[(&str, &str)] = &[
    (
        "WNM_FIREWALL_DISABLED",
        "1, true, yes or on: same as --firewall null.",
    ),
    (
        "NO_COLOR",
        "Any value: no colors and no progress line, also on a terminal.",
    ),
    ("TERM", "dumb, or not set: same as NO_COLOR."),
    (
        "RUST_LOG",
        "Additional log levels for modules: wnm=debug, wnm::survey=trace.",
    ),
    (
        "PATH",
        "Where sudo, systemctl, setsid and ufw are, and antnode if it is not at --antnode_path.",
    ),
    ("HOME", "The home directory of the operator."),
];

const EXAMPLES: &[(&str, &str)] = &[
    (
        "Set up a colony of up to ten nodes whose rewards go to one address:",
        "wnm --init --rewards_address ADDRESS --node_cap 10",
    ),
    (
        "The crontab line that runs wnm once a minute, if `command -v wnm` prints this path:",
        "* * * * * /usr/local/bin/wnm --quiet",
    ),
    ("Show what the next run would do:", "wnm --dry_run"),
    ("Show the nodes:", "wnm status"),
    ("Show why wnm does not add more nodes:", "wnm plan"),
    (
        "Show what wnm did in the last two days, and why:",
        "wnm history --since 2d",
    ),
    ("Add two nodes now:", "wnm add 2"),
    ("Stop two nodes until they are enabled:", "wnm disable 3 7"),
    (
        "Change nothing for two hours; the nodes keep running:",
        "wnm pause --until 2h",
    ),
    (
        "Set the maximum number of nodes to 50:",
        "wnm config set node_cap 50",
    ),
    (
        "Install the completions for bash:",
        "wnm --completions bash > ~/.local/share/bash-completion/completions/wnm",
    ),
    ("Install this page:", "wnm --man > ~/.local/share/man/man1/wnm.1"),
];

/// The date of the last change of this page.
const DATE: &str = "2026-11-29";

/// The maximum length of a line of the source.
const LINE: usize = 78;

/// The page, for man(1).
pub fn page() -> String {
    let mut page = ManPage::default();
    page.request(&format!(
        ".TH WNM 1 {DATE} \"wnm {}\" \"Weave Node Manager\"",
        env!("CARGO_PKG_VERSION")
    ));
    page.section("NAME");
    page.request("wnm \\- run as many Autonomi nodes as CPU, memory and disk allow");
    page.section("SYNOPSIS");
    page.request(".B wnm");
    page.request("[\\fICOMMAND\\fR] [\\fINODES\\fR]... [\\fIFLAGS\\fR]");
    page.section("DESCRIPTION");
    page.paragraphs(DESCRIPTION);
    page.section("COMMANDS");
    page.paragraphs(COMMANDS);
    for command in help::commands() {
        page.command(command);
    }
    page.section("OPTIONS");
    page.paragraphs(SETTINGS);
    let mut heading = "";
    for flag in flags::all() {
        if flag.heading != heading {
            heading = flag.heading;
            page.request(&format!(".SS {}", escaped(heading)));
        }
        page.flag(&flag);
    }
    page.section("EXIT STATUS");
    page.list(CODES);
    page.section("ENVIRONMENT");
    page.paragraphs(&[
        "Each variable has the same effect as the flag of its name, also with WNM_ before it:",
    ]);
    page.variables();
    page.list(VARIABLES);
    page.section("FILES");
    page.list(FILES);
    page.section("EXAMPLES");
    for (index, (what, command)) in EXAMPLES.iter().enumerate() {
        if index > 0 {
            page.request(".PP");
        }
        page.text(what);
        page.request(".PP");
        page.request(".RS 4");
        page.request(".nf");
        page.request(&escaped(command));
        page.request(".fi");
        page.request(".RE");
    }
    page.section("SEE ALSO");
    page.request(".BR crontab (5),");
    page.request(".BR systemctl (1),");
    page.request(".BR loginctl (1)");
    page.0.trim_end().to_owned()
}

/// A page that is being written.
#[derive(Default)]
struct ManPage(String);

impl ManPage {
    /// Adds a line of roff.
    fn request(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn text(&mut self, text: &str) {
        for line in wrapped(&escaped(text), LINE) {
            // Otherwise, roff would read the line as a request.
            let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
            self.request(&format!("{guard}{line}"));
        }
    }

    fn section(&mut self, name: &str) {
        self.request(&format!(".SH {name}"));
    }

    fn paragraphs(&mut self, all: &[&str]) {
        for (index, text) in all.iter().enumerate() {
            if index > 0 {
                self.request(".PP");
            }
            self.text(text);
        }
    }

    fn list(&mut self, items: &[(&str, &str)]) {
        for (name, about) in items {
            self.request(".TP");
            self.request(&format!("\\fB{}\\fR", escaped(name)));
            self.text(about);
        }
    }

    fn command(&mut self, command: Subcommand) {
        let facts = command.facts();
        self.request(".TP");
        let operands = escaped(facts.placeholder());
        self.request(&format!("\\fB{}\\fR \\fI{operands}\\fR", escaped(command.word())));
        self.text(&format!("{}.", facts.about));
        let flags: Vec<String> = facts.flags.iter().map(|flag| format!("--{flag}")).collect();
        if !flags.is_empty() {
            self.text(&format!("Flags: {}.", flags.join(", ")));
        }
    }

    fn flag(&mut self, flag: &Flag) {
        let setting = flag.setting;
        let mut head = String::new();
        if let Some(short) = flag.short {
            let _ = write!(head, "\\fB\\-{short}\\fR, ");
        }
        let _ = write!(head, "\\fB{}\\fR", escaped(&format!("--{}", setting.name)));
        if let Some(value) = flag.placeholder() {
            let _ = write!(head, " \\fI{}\\fR", escaped(value));
        }
        self.request(".TP");
        self.request(&head);
        self.text(&about(flag));
    }

    fn variables(&mut self) {
        self.request(".PP");
        self.request(".PD 0");
        for flag in flags::all() {
            let setting = flag.setting;
            if let Some(variable) = setting.variable().filter(|_| setting.lifetime != Lifetime::Flag) {
                self.request(".TP 28");
                self.request(&format!("\\fB{}\\fR", escaped(&variable)));
                self.text(&format!("--{}", setting.name));
            }
        }
        self.request(".PD");
    }
}

/// The text about a flag, in sentences.
fn about(flag: &Flag) -> String {
    let setting = flag.setting;
    let mut about = format!("{}.", setting.help);
    if let ValueType::Whole { unit, .. } = setting.value_type
        && !setting.default.is_empty()
    {
        let _ = write!(about, " Default: {} {}.", setting.default, unit.words());
    } else if let Some(default) = help::default(flag) {
        let _ = write!(about, " Default: {default}.");
    }
    if flag.choices().len() > 1 {
        let _ = write!(about, " Possible values: {}.", flag.choices().join(", "));
    }
    about.push_str(match setting.lifetime {
        Lifetime::Colony => " Stored in the colony.",
        Lifetime::InitOnly => " Stored by --init, and never changed.",
        Lifetime::ByOrder => " Stored in the colony; changed only by --force_action update_config.",
        Lifetime::Run | Lifetime::Flag => "",
    });
    if let Some(variable) = setting.variable().filter(|_| setting.lifetime != Lifetime::Flag) {
        let _ = write!(about, " Environment: {variable}.");
    }
    about
}

/// The text in lines of at most `width` columns; a longer word has its own line.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Escapes special characters of roff; a dash stays a dash and does not become a hyphen.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\(rs")
        .replace('-', "\\-")
        .replace('~', "\\(ti")
        .replace('^', "\\(ha")
        .replace('`', "\\(ga")
        .replace('…', "...")
}

#[cfg(test)]
mod tests {
    use super::super::flags;
    use super::page;

    #[test]
    fn page_has_every_flag_and_section_in_ascii() {
        let page = page();
        for section in [
            "NAME",
            "SYNOPSIS",
            "DESCRIPTION",
            "COMMANDS",
            "OPTIONS",
            "EXIT STATUS",
            "ENVIRONMENT",
            "FILES",
            "EXAMPLES",
            "SEE ALSO",
        ] {
            assert!(page.contains(&format!("\n.SH {section}\n")), "{section}");
        }
        for flag in flags::all() {
            let name = format!("\\fB\\-\\-{}\\fR", flag.setting.name);
            assert_eq!(page.matches(&name).count(), 1, "{name}");
        }
        let flowing = page.replace('\n', " ");
        assert!(flowing.contains("Default: 300 seconds. Stored in the colony. Environment: DELAY_START."));
        assert!(
            page.lines()
                .all(|line| line.len() <= 100 || line.starts_with("wnm "))
        );
        assert!(page.is_ascii());
        let requests = [
            ".TH", ".SH", ".SS", ".TP", ".PP", ".RS", ".RE", ".nf", ".fi", ".B", ".PD",
        ];
        for line in page.lines().filter(|line| line.starts_with('.')) {
            assert!(requests.iter().any(|request| line.starts_with(request)), "{line}");
        }
    }
}
