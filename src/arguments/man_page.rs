//! The man page, from the same flags as the help.

use std::fmt::Write;

use super::flags::{self, Flag};
use super::help;
use crate::settings::table::{Lifetime, ValueType};

/// What stands before the flags.
const DESCRIPTION: &[&str] = &[
    "wnm keeps as many Autonomi nodes (antnode) on a machine as the machine can bear. Cron runs it each minute. \
     One run looks at the machine and asks every node how it is, decides whether to add, start, stop, upgrade or \
     remove nodes, does that through systemd or as plain processes, writes down what it did and why, and ends.",
    "Without flags it does just this. With --dry_run it says what it would do and changes nothing. With \
     --force_action it does what it is told, past limits and delays. With --report it shows what is stored.",
    "Only one run works on a colony at a time; another one leaves at once. SIGINT and SIGTERM end a run within two \
     seconds: the step in hand is finished or undone, and the next run goes on.",
];

/// How settings come about.
const SETTINGS: &[&str] = &[
    "Every flag may be written with - for _, a switch with =off, and the last one counts where one is given twice. \
     What is no order may also stand in the environment and in files. The strongest counts: flag, environment, \
     ~/.local/share/wnm/.env, --config FILE, ~/wnm/config, ~/.local/share/wnm/config, what the colony keeps, \
     default. What is said of a setting that the colony keeps is kept from then on.",
];

const CODES: &[(&str, &str)] = &[
    (
        "0",
        "What was asked for was done, even if there was nothing to do.",
    ),
    (
        "1",
        "Refused, and nothing was begun: another run holds the lock, there is no colony, the database cannot be read \
         or must be migrated first, --confirm is missing. Also when a signal ended the run.",
    ),
    (
        "2",
        "A flag, a key or a value that cannot be. Nothing was changed.",
    ),
    (
        "3",
        "An action failed, or fewer nodes than asked for could be acted on. The others were; the next run goes on.",
    ),
    (
        "4",
        "A safety stop: the nodes' disk is missing or another one is mounted there, or the like. --confirm \
         overrides it where the message says so.",
    ),
];

const FILES: &[(&str, &str)] = &[
    (
        "~/.local/share/autonomi/colony.db, /var/antctl/colony.db",
        "The colony: settings, nodes and what was done. The second is that of +sudo managers.",
    ),
    (
        "wnm_active",
        "Beside it: the lock of the run at work. It may lie there between runs; only a lock that is held counts.",
    ),
    (
        "~/.local/share/autonomi/node, /var/antctl/services",
        "The nodes, a folder each, with their identities. Changed by --node_storage.",
    ),
    (
        "~/.local/share/wnm/config, ~/wnm/config",
        "Settings, as key=value or TOML.",
    ),
    (
        "~/.local/share/wnm/.env",
        "Settings under their names in the environment.",
    ),
    (
        "~/.config/systemd/user/antnodeNNNN.service, /etc/systemd/system/antnodeNNNN.service",
        "The service of a node, under systemd.",
    ),
];

const VARIABLES: &[(&str, &str)] = &[
    (
        "WNM_FIREWALL_DISABLED",
        "With 1, true, yes or on: the same as --firewall null.",
    ),
    (
        "NO_COLOR",
        "With any value: no colours and no line that shows progress, on a terminal as well.",
    ),
    ("TERM", "dumb, or not set: the same."),
    (
        "RUST_LOG",
        "What is logged beyond --loglevel, in the words of Rust's tracing: wnm=debug, wnm::survey=trace.",
    ),
    (
        "PATH",
        "Where sudo, systemctl, setsid and ufw are; and antnode, if it is not at --antnode_path.",
    ),
    ("HOME", "The operator's home."),
];

const EXAMPLES: &[(&str, &str)] = &[
    (
        "Found a colony of up to ten nodes, whose rewards go to one address:",
        "wnm --init --rewards_address 0x00455d78f850b0358E8cea5be24d415E01E107CF --node_cap 10",
    ),
    (
        "The crontab line that keeps it:",
        "* * * * * $HOME/.local/bin/wnm --quiet",
    ),
    ("What would the next run do?", "wnm --dry_run"),
    ("How are the nodes?", "wnm --report node-status"),
    ("Why are there not more of them?", "wnm --report plan"),
    (
        "What was done lately, and why?",
        "wnm --report history --since 2d",
    ),
    ("Two more nodes, now:", "wnm --force_action add --count 2"),
    (
        "Stop two nodes by name:",
        "wnm --force_action stop --service_name antnode0003,antnode0007",
    ),
    ("From now on at most 50 nodes:", "wnm --node_cap 50"),
    (
        "Completions for bash:",
        "wnm --completions bash > ~/.local/share/bash-completion/completions/wnm",
    ),
    ("Install this page:", "wnm --man > ~/.local/share/man/man1/wnm.1"),
];

/// When the words of this page were last looked through.
const DATE: &str = "2026-11-23";

/// How long a line of the source may be.
const LINE: usize = 78;

/// The page, for man(1).
pub fn page() -> String {
    let mut page = ManPage::default();
    page.request(&format!(
        ".TH WNM 1 {DATE} \"wnm {}\" \"Weave Node Manager\"",
        env!("CARGO_PKG_VERSION")
    ));
    page.section("NAME");
    page.request("wnm \\- keeps as many Autonomi nodes on a machine as it can bear");
    page.section("SYNOPSIS");
    page.request(".B wnm");
    page.request("[\\fIFLAGS\\fR]");
    page.section("DESCRIPTION");
    page.paragraphs(DESCRIPTION);
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
    page.paragraphs(&["Each of these says what the flag of that name says, also with WNM_ before it:"]);
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

/// A page in the making.
#[derive(Default)]
struct ManPage(String);

impl ManPage {
    /// A line as it is.
    fn request(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn text(&mut self, text: &str) {
        for line in help::wrapped(&escaped(text), LINE) {
            // A line that begins so would be a request.
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
            if let Some(variable) = setting.variable().filter(|_| setting.kept != Lifetime::Flag) {
                self.request(".TP 28");
                self.request(&format!("\\fB{}\\fR", escaped(&variable)));
                self.text(&format!("--{}", setting.name));
            }
        }
        self.request(".PD");
    }
}

/// What is said about a flag, in sentences.
fn about(flag: &Flag) -> String {
    let setting = flag.setting;
    let mut about = format!("{}.", setting.help);
    if let ValueType::Whole { unit, .. } = setting.takes
        && !setting.default.is_empty()
    {
        let _ = write!(about, " Default: {} {}.", setting.default, unit.words());
    } else if let Some(default) = help::default(flag) {
        let _ = write!(about, " Default: {default}.");
    }
    if flag.choices().len() > 1 {
        let _ = write!(about, " One of: {}.", flag.choices().join(", "));
    }
    about.push_str(match setting.kept {
        Lifetime::Colony => " Kept in the colony.",
        Lifetime::InitOnly => " Kept in the colony; what --init kept there stays.",
        Lifetime::ByOrder => " Kept in the colony; changed only by --force_action update_config.",
        Lifetime::Run | Lifetime::Flag => "",
    });
    if let Some(variable) = setting.variable().filter(|_| setting.kept != Lifetime::Flag) {
        let _ = write!(about, " Environment: {variable}.");
    }
    about
}

/// Text that means itself to roff: a dash is a dash and not a hyphen.
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
    fn the_page_has_every_flag_every_section_and_nothing_but_ascii() {
        let page = page();
        for section in [
            "NAME",
            "SYNOPSIS",
            "DESCRIPTION",
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
        assert!(flowing.contains("Default: 300 seconds. Kept in the colony. Environment: DELAY_START."));
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
