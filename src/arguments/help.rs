//! The help, written by clap: all flags for `--help`, the most important ones for `-h`.

use clap::builder::styling::{Style, Styles};
use clap::{Arg, Command};

use super::flags::{self, Flag};
use super::subcommands::Subcommand;
use crate::settings::table::{Lifetime, ValueType};
use crate::terminal::Coloring;

/// The width without a terminal, and the maximum width, because longer lines are hard to read.
const MAX_WIDTH: usize = 100;
/// The minimum width.
const MIN_WIDTH: usize = 40;

const BOLD: Style = Style::new().bold();

/// The flags in `-h`, in their order.
pub const DAILY: [&str; 8] = [
    "init",
    "rewards_address",
    "node_cap",
    "dry_run",
    "json",
    "confirm",
    "config",
    "quiet",
];

const ABOUT: &str = "wnm, the Weave Node Manager: runs as many Autonomi nodes as CPU, memory and disk allow. cron starts it once a minute.";

const WITHOUT_FLAGS: &str = "Without flags, wnm checks every node, and then adds, starts, stops, upgrades or removes nodes \
    as the settings and the machine allow.";

const SOURCES: &str = "  In flags, you can write `-` for `_`, and turn a switch off with `=off`. Settings can also be set \
    as environment variables, with or without WNM_ before their name, and in config files as key=value or TOML.\n  \
    Priority: flag, environment variable, ~/.local/share/wnm/.env, --config FILE, ~/wnm/config, \
    ~/.local/share/wnm/config, colony.db, default. Values of settings that apply to more than one run are stored in \
    colony.db.";

const CODES: &str = "  0 success, 1 refused, 2 invalid flag or setting, 3 an action failed, 4 safety stop";

const USES: &str = "wnm --init --rewards_address ADDRESS   once
       wnm --quiet                            from cron
       wnm COMMAND [NODES]... [FLAGS]         at any time";

/// How nodes are named.
const NODES: &str = "  3, antnode0003, 1-5, 'antnode00*', all; several are separated by spaces or commas";

const MORE: &str = "  wnm help COMMAND         a command, its flags and examples
  wnm --help               all flags, with range, default and variable
  wnm --man | man -l -     the man page: files, exit codes, examples
  wnm --completions bash   shell completions, also for zsh and fish";

/// All flags under their headings, for a terminal of this width.
pub fn long(style: Coloring, columns: Option<usize>) -> String {
    let args = flags::all()
        .into_iter()
        .map(|flag| arg(&flag).help_heading(flag.heading));
    let after =
        format!("{BOLD}Where to set a setting:{BOLD:#}\n{SOURCES}\n\n{BOLD}Exit codes:{BOLD:#}\n{CODES}");
    let command = flags::bare("wnm")
        .about(format!("{ABOUT}\n\n{WITHOUT_FLAGS}"))
        .override_usage("wnm [FLAGS]")
        .args(args)
        .after_help(after);
    written(command, style, columns)
}

/// The most important flags, and where to find the others. It has to fit on a screen, so it leaves out ranges, defaults
/// and environment variables.
pub fn short(style: Coloring, columns: Option<usize>) -> String {
    let all = flags::all();
    let daily = DAILY
        .iter()
        .filter_map(|name| all.iter().find(|flag| flag.setting.name == *name));
    let command = flags::bare("wnm")
        .about(ABOUT)
        .override_usage(USES)
        .args(daily.map(|flag| flag.complete().help_heading("Common flags")))
        .after_help(format!(
            "{BOLD}Nodes:{BOLD:#}\n{NODES}\n\n{BOLD}More:{BOLD:#}\n{MORE}"
        ));
    let shown = commands().map(|command| flags::bare(command.word()).about(command.facts().about));
    written(command.subcommands(shown), style, columns)
}

/// The commands, for the short help and the man page.
pub fn commands() -> impl Iterator<Item = Subcommand> {
    Subcommand::all()
}

/// The help of one command.
pub fn of_command(command: Subcommand, style: Coloring, columns: Option<usize>) -> String {
    let facts = command.facts();
    let all = flags::all();
    let shown = facts.all_flags();
    let own = shown
        .iter()
        .filter_map(|name| all.iter().find(|flag| flag.setting.name == *name));
    let widest = facts
        .examples
        .iter()
        .map(|(example, _)| example.len())
        .max()
        .unwrap_or_default();
    let examples: Vec<String> = facts
        .examples
        .iter()
        .map(|(example, what)| format!("  {example:widest$}  {what}"))
        .collect();
    let nodes = match facts.placeholder() {
        "[NODES]..." => format!("{BOLD}Nodes:{BOLD:#}\n{NODES}\n\n"),
        _ => String::new(),
    };
    let after = format!(
        "{nodes}{BOLD}Examples:{BOLD:#}\n{}\n\nEvery setting is a flag too: `wnm --help`.",
        examples.join("\n")
    );
    let usage = format!("wnm {} {} [FLAGS]", command.word(), facts.placeholder());
    let parser = flags::bare("wnm")
        .about(facts.about)
        .override_usage(usage.replace("  ", " "))
        .args(own.map(|flag| flag.complete().help_heading("Flags")))
        .after_help(after);
    written(parser, style, columns)
}

fn written(command: Command, style: Coloring, columns: Option<usize>) -> String {
    let bold = Styles::plain().header(BOLD).usage(BOLD).literal(BOLD);
    let width = columns.unwrap_or(MAX_WIDTH).clamp(MIN_WIDTH, MAX_WIDTH);
    let help = command.styles(bold).term_width(width).render_help();
    let text = match style {
        Coloring::Plain => help.to_string(),
        Coloring::Colour => help.ansi().to_string(),
    };
    text.trim_end().to_owned()
}

/// The flag with its help, range, default and environment variable.
fn arg(flag: &Flag) -> Arg {
    let setting = flag.setting;
    let mut help = setting.help.to_owned();
    if let ValueType::Whole { min, max, .. } = setting.value_type
        && max < i64::MAX
    {
        help.push_str(&format!(" [range: {min} to {max}]"));
    }
    let mut arg = flag.complete();
    match default(flag) {
        // clap shows the default of a value, but not of a switch.
        Some(default) if setting.value_type == ValueType::Switch => {
            help.push_str(&format!(" [default: {default}]"));
        }
        Some(default) => arg = arg.default_value(default),
        None => {}
    }
    match setting.variable().filter(|_| setting.lifetime != Lifetime::Flag) {
        Some(variable) => arg.env(variable).hide_env_values(true),
        None => arg,
    }
    .help(help)
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
                assert_eq!(
                    help.matches(&format!("[env: {variable}]")).count(),
                    1,
                    "{variable}"
                );
            }
            if !setting.default.is_empty() && setting.value_type != ValueType::Switch {
                assert!(
                    help.contains(&format!("[default: {}]", setting.default)),
                    "{name}"
                );
            }
        }
        for whole in [
            "--node_cap <NODES> Maximum number of nodes [range: 0 to 10000] [env: NODE_CAP] [default: 20]",
            "--no_upnp Disable UPnP in new nodes [default: off] [env: NO_UPNP]",
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
        assert!(help.lines().count() <= 58, "it fits on one screen:\n{help}");
        for command in super::commands() {
            assert!(
                help.contains(&format!("  {} ", command.word())),
                "{}",
                command.word()
            );
        }
    }

    #[test]
    fn help_of_a_command_has_its_flags_and_examples() {
        for command in super::commands() {
            let help = super::of_command(command, Coloring::Plain, Some(100));
            assert!(
                help.contains(&format!("Usage: wnm {} ", command.word())),
                "{help}"
            );
            for (example, _) in command.facts().examples {
                assert!(help.contains(example), "{help}");
            }
            for flag in command.facts().all_flags() {
                assert!(help.contains(&format!("--{flag}")), "{flag}: {help}");
            }
            assert!(help.lines().count() <= 40 && !help.contains('\x1b'), "{help}");
        }
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
            assert!(page(Coloring::Colour, Some(80)).contains("\x1b[1m--dry_run\x1b[0m"));
        }
        let narrow = long(Coloring::Plain, Some(1));
        assert_eq!(flowing(&narrow), flowing(&long(Coloring::Plain, None)));
    }
}
