//! The help: all flags for `--help`, the most important ones for `-h`.

use super::flags::{self, Flag};
use crate::settings::table::{Lifetime, ValueType};
use crate::terminal::{Color, Coloring};

/// The width without a terminal, and the maximum width, because longer lines are hard to read.
const MAX_WIDTH: usize = 100;
/// The minimum width.
const MIN_WIDTH: usize = 40;
/// The column of the text beside a flag.
const BESIDE: usize = 36;
/// The column of the text below a flag, on a narrow terminal or if the flag is longer than [`BESIDE`].
const BELOW: usize = 10;

/// The flags in `-h`, in their order.
pub const DAILY: [&str; 12] = [
    "init",
    "rewards_address",
    "node_cap",
    "dry_run",
    "report",
    "json",
    "force_action",
    "service_name",
    "count",
    "confirm",
    "config",
    "quiet",
];

const ABOUT: &str = "wnm, the Weave Node Manager: runs as many Autonomi nodes as CPU, memory and disk allow. cron starts it once a minute.";

/// All flags under their headings, for a terminal of this width.
pub fn long(style: Coloring, columns: Option<usize>) -> String {
    let mut page = HelpText::new(style, columns);
    page.paragraph(ABOUT);
    page.usage(&["wnm [FLAGS]"]);
    page.paragraph(
        "Without flags, wnm checks every node, and then adds, starts, stops, upgrades or removes nodes as the settings \
         and the machine allow.",
    );
    let mut heading = "";
    for flag in flags::all() {
        if flag.heading != heading {
            heading = flag.heading;
            page.heading(heading);
        }
        page.flag(&flag);
    }
    page.heading("Where to set a setting");
    for text in [
        "In flags, you can write `-` for `_`, and turn a switch off with `=off`. Settings can also be set as \
         environment variables, under the name in brackets, with or without WNM_ before it, and in config files as \
         key=value or TOML.",
        "Priority: flag, environment variable, ~/.local/share/wnm/.env, --config FILE, ~/wnm/config, \
         ~/.local/share/wnm/config, colony.db, default. Values of settings that apply to more than one run are stored \
         in colony.db.",
    ] {
        page.indented(text, 2);
    }
    page.heading("Exit codes");
    page.indented(
        "0 success, 1 refused, 2 invalid flag or setting, 3 an action failed, 4 safety stop",
        2,
    );
    page.text.trim_end().to_owned()
}

/// The most important flags, and where to find the others.
pub fn short(style: Coloring, columns: Option<usize>) -> String {
    let mut page = HelpText::new(style, columns);
    page.paragraph(ABOUT);
    page.usage(&[
        "wnm --init --rewards_address ADDRESS   once",
        "wnm --quiet                            from cron",
        "wnm [FLAGS]                            at any time",
    ]);
    page.heading("Common flags");
    let all = flags::all();
    for name in DAILY {
        all.iter()
            .filter(|flag| flag.setting.name == name)
            .for_each(|flag| page.flag(flag));
    }
    page.heading("More");
    for (command, what) in [
        (
            "wnm --help",
            "all flags, with unit, default and environment variable",
        ),
        (
            "wnm --man | man -l -",
            "the man page: files, exit codes, examples",
        ),
        (
            "wnm --completions bash",
            "shell completions, also for zsh and fish",
        ),
    ] {
        page.item(command, command.len(), what);
    }
    page.text.trim_end().to_owned()
}

/// A help text that is being written.
struct HelpText {
    text: String,
    style: Coloring,
    width: usize,
}

impl HelpText {
    fn new(style: Coloring, columns: Option<usize>) -> HelpText {
        HelpText {
            text: String::new(),
            style,
            width: columns.unwrap_or(MAX_WIDTH).clamp(MIN_WIDTH, MAX_WIDTH),
        }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn paragraph(&mut self, text: &str) {
        self.indented(text, 0);
        self.line("");
    }

    fn usage(&mut self, forms: &[&str]) {
        for (index, form) in forms.iter().enumerate() {
            let begin = match index {
                0 => self.style.paint(Color::Bold, "Usage:"),
                _ => "      ".to_owned(),
            };
            self.line(&format!("{begin} {form}"));
        }
        self.line("");
    }

    fn heading(&mut self, heading: &str) {
        if !self.text.ends_with("\n\n") {
            self.line("");
        }
        let heading = self.style.paint(Color::Bold, &format!("{heading}:"));
        self.line(&heading);
    }

    fn indented(&mut self, text: &str, indent: usize) {
        for line in wrapped(text, self.width.saturating_sub(indent)) {
            self.line(&format!("{:indent$}{line}", ""));
        }
    }

    fn flag(&mut self, flag: &Flag) {
        let name = format!("--{}", flag.setting.name);
        let value = flag
            .placeholder()
            .map(|word| format!(" <{word}>"))
            .unwrap_or_default();
        let short = flag
            .short
            .map_or("    ".to_owned(), |short| format!("-{short}, "));
        let shown = format!("{short}{}{value}", self.style.paint(Color::Bold, &name));
        self.item(&shown, short.len() + name.len() + value.len(), &words(flag));
    }

    /// A term of `long` columns, and the text about it beside or below it.
    fn item(&mut self, shown: &str, long: usize, about: &str) {
        // On a narrow terminal, half of the width would be empty.
        let is_beside = self.width >= 2 * BESIDE;
        let indent = if is_beside { BESIDE } else { BELOW };
        let mut lines = wrapped(about, self.width - indent).into_iter();
        let begin = format!("  {shown}");
        if is_beside && long + 4 <= BESIDE {
            let gap = BESIDE - 2 - long;
            let first = lines.next().unwrap_or_default();
            self.line(&format!("{begin}{:gap$}{first}", ""));
        } else {
            self.line(&begin);
        }
        for line in lines {
            self.line(&format!("{:indent$}{line}", ""));
        }
    }
}

/// The text about a flag: its help, choices, default and environment variable.
fn words(flag: &Flag) -> String {
    let setting = flag.setting;
    let mut words = setting.help.to_owned();
    if flag.choices().len() > 1 {
        words = format!("{words}; possible values: {}", flag.choices().join(", "));
    }
    if let Some(default) = default(flag) {
        words = format!("{words} (default: {default})");
    }
    match setting.variable().filter(|_| setting.lifetime != Lifetime::Flag) {
        Some(variable) => format!("{words} [{variable}]"),
        None => words,
    }
}

/// The default as an operator would write it.
pub fn default(flag: &Flag) -> Option<&'static str> {
    match (flag.setting.value_type, flag.setting.default) {
        (_, "") => None,
        (ValueType::Switch, "false") => Some("off"),
        (ValueType::Switch, "true") => Some("on"),
        (_, default) => Some(default),
    }
}

/// The text in lines of at most `width` columns; a longer word has its own line.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
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

#[cfg(test)]
mod tests {
    use super::{DAILY, long, short};
    use crate::settings::table::{Lifetime, SETTINGS, ValueType};
    use crate::terminal::Coloring;

    /// A page without its line breaks.
    fn flowing(page: &str) -> String {
        page.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn help_has_every_flag_with_default_and_variable() {
        let help = flowing(&long(Coloring::Plain, None));
        for setting in SETTINGS {
            let name = format!(" --{} ", setting.name);
            assert!(help.contains(&name), "{name}");
            if setting.name.contains('_') {
                assert!(!help.contains(&setting.kebab()), "{name} in two spellings");
            }
            if let Some(variable) = setting.variable().filter(|_| setting.lifetime != Lifetime::Flag) {
                assert_eq!(help.matches(&format!("[{variable}]")).count(), 1, "{variable}");
            }
            if !setting.default.is_empty() && setting.value_type != ValueType::Switch {
                assert!(
                    help.contains(&format!("(default: {})", setting.default)),
                    "{name}"
                );
            }
        }
        for whole in [
            "--node_cap <NODES> Maximum number of nodes (default: 20) [NODE_CAP]",
            "--no_upnp Disable UPnP in new nodes (default: off) [NO_UPNP]",
            "-c, --config <FILE> Also read this config file",
            "--report_format <WORD> Format of the report",
            "--action_delay <MS> ",
            "--completions <SHELL> ",
        ] {
            assert!(help.contains(whole), "{whole}\n{help}");
        }
    }

    #[test]
    fn short_help_has_the_common_flags_and_fits_on_a_screen() {
        let help = short(Coloring::Plain, None);
        let flags = help
            .lines()
            .filter(|line| line.trim_start().starts_with("--") || line.starts_with("  -"));
        assert_eq!(flags.count(), DAILY.len());
        for name in DAILY {
            assert!(help.contains(&format!("--{name}")), "{name}");
        }
        assert!(help.contains("wnm --help") && help.contains("wnm --man"));
        assert!(help.lines().count() <= 36, "it fits on one screen:\n{help}");
    }

    #[test]
    fn help_fits_the_terminal_and_is_constant_without_one() {
        for page in [long, short] {
            assert_eq!(page(Coloring::Plain, None), page(Coloring::Plain, Some(100)));
            assert_eq!(
                page(Coloring::Plain, Some(1000)),
                page(Coloring::Plain, Some(100))
            );
            for columns in [60, 72, 80, 100] {
                let text = page(Coloring::Plain, Some(columns));
                for line in text.lines() {
                    assert!(line.chars().count() <= columns, "{columns}: {line}");
                    assert_eq!(line, line.trim_end(), "{columns}");
                }
            }
            assert!(!page(Coloring::Plain, None).contains('\x1b'));
            assert!(page(Coloring::Colour, Some(80)).contains("\x1b[1m--report\x1b[0m"));
        }
        let narrow = long(Coloring::Plain, Some(1));
        assert_eq!(flowing(&narrow), flowing(&long(Coloring::Plain, None)));
    }
}
