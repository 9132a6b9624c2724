//! The help: all of it for `--help`, a dozen flags for `-h`.

use super::flags::{self, Flag};
use crate::settings::table::{Lifetime, ValueType};
use crate::terminal::{Color, Coloring};

/// The width of what is no terminal, and the most that is comfortable to read on one.
const WIDEST: usize = 100;
/// Narrower than this nothing is wrapped.
const NARROWEST: usize = 40;
/// Where the words about a flag begin, beside it.
const BESIDE: usize = 36;
/// Where they begin below it: on a narrow terminal, or when the flag reaches further than [`BESIDE`].
const BELOW: usize = 10;

/// The flags an operator uses daily, in the order of `-h`.
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

const ABOUT: &str = "wnm, the Weave Node Manager: one pass over this machine and its antnodes, then it ends.";

/// Every flag under its heading, for a terminal with so many columns.
pub fn long(style: Coloring, columns: Option<usize>) -> String {
    let mut page = HelpText::new(style, columns);
    page.paragraph(ABOUT);
    page.usage(&["wnm [FLAGS]"]);
    page.paragraph(
        "Without flags it does what cron runs each minute: it surveys, and adds, starts, stops, upgrades or removes \
         nodes as the settings and the machine allow.",
    );
    let mut heading = "";
    for flag in flags::all() {
        if flag.heading != heading {
            heading = flag.heading;
            page.heading(heading);
        }
        page.flag(&flag);
    }
    page.heading("How settings are given");
    for text in [
        "Every flag may be written with `-` for `_`, and a switch with `=off`. What is no order can also stand in \
         the environment, under the name in brackets, with or without WNM_ before it, and in a file as key=value \
         or TOML.",
        "The strongest counts: flag, environment, ~/.local/share/wnm/.env, --config FILE, ~/wnm/config, \
         ~/.local/share/wnm/config, what the colony keeps, default. Limits and the like are kept in the colony \
         once they were given.",
    ] {
        page.indented(text, 2);
    }
    page.heading("Exit codes");
    page.indented(
        "0 done, 1 refused, 2 a flag or setting that cannot be, 3 an action failed, 4 a safety stop",
        2,
    );
    page.text.trim_end().to_owned()
}

/// The flags of daily use, and where the others are.
pub fn short(style: Coloring, columns: Option<usize>) -> String {
    let mut page = HelpText::new(style, columns);
    page.paragraph(ABOUT);
    page.usage(&[
        "wnm --init --rewards_address ADDRESS   once",
        "wnm --quiet                            by cron",
        "wnm [FLAGS]                            at any time",
    ]);
    page.heading("Flags of daily use");
    let all = flags::all();
    for name in DAILY {
        all.iter()
            .filter(|flag| flag.setting.name == name)
            .for_each(|flag| page.flag(flag));
    }
    page.heading("More");
    for (command, what) in [
        ("wnm --help", "every flag, with its unit, default and variable"),
        (
            "wnm --man | man -l -",
            "the manual page: files, exit codes, examples",
        ),
        ("wnm --completions bash", "completions, also for zsh and fish"),
    ] {
        page.item(command, command.len(), what);
    }
    page.text.trim_end().to_owned()
}

/// Help in the making.
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
            width: columns.unwrap_or(WIDEST).clamp(NARROWEST, WIDEST),
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

    /// Something that is `long` columns long, and what is said about it, beside or below it.
    fn item(&mut self, shown: &str, long: usize, about: &str) {
        // Half of a narrow terminal would be blank.
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

/// What is said about a flag: its words, its default and its variable.
fn words(flag: &Flag) -> String {
    let setting = flag.setting;
    let mut words = setting.help.to_owned();
    if flag.choices().len() > 1 {
        words = format!("{words}; one of {}", flag.choices().join(", "));
    }
    if let Some(default) = default(flag) {
        words = format!("{words} (default: {default})");
    }
    match setting.variable().filter(|_| setting.kept != Lifetime::Flag) {
        Some(variable) => format!("{words} [{variable}]"),
        None => words,
    }
}

/// What holds when nobody says anything, as an operator would say it.
pub fn default(flag: &Flag) -> Option<&'static str> {
    match (flag.setting.takes, flag.setting.default) {
        (_, "") => None,
        (ValueType::Switch, "false") => Some("off"),
        (ValueType::Switch, "true") => Some("on"),
        (_, default) => Some(default),
    }
}

/// The text in lines of at most `width` columns; a longer word stands alone.
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
    fn the_help_names_every_flag_once_with_its_default_and_its_variable() {
        let help = flowing(&long(Coloring::Plain, None));
        for setting in SETTINGS {
            let name = format!(" --{} ", setting.name);
            assert!(help.contains(&name), "{name}");
            if setting.name.contains('_') {
                assert!(!help.contains(&setting.kebab()), "{name} in two spellings");
            }
            if let Some(variable) = setting.variable().filter(|_| setting.kept != Lifetime::Flag) {
                assert_eq!(help.matches(&format!("[{variable}]")).count(), 1, "{variable}");
            }
            if !setting.default.is_empty() && setting.takes != ValueType::Switch {
                assert!(
                    help.contains(&format!("(default: {})", setting.default)),
                    "{name}"
                );
            }
        }
        for whole in [
            "--node_cap <NODES> How many nodes the colony may have (default: 20) [NODE_CAP]",
            "--no_upnp Make nodes without UPnP (default: off) [NO_UPNP]",
            "-c, --config <FILE> Read this file of settings, too",
            "--report_format <WORD> How the report is written",
            "--action_delay <MS> ",
            "--completions <SHELL> ",
        ] {
            assert!(help.contains(whole), "{whole}\n{help}");
        }
    }

    #[test]
    fn the_short_help_has_a_dozen_flags_and_says_where_the_others_are() {
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
    fn help_fits_the_terminal_and_is_always_the_same_without_one() {
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
