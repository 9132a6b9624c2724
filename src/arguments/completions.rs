//! Completion scripts for shells.

use clap_complete::{Generator, Shell};

use super::flags;

/// The script for a shell, one of [`flags::SHELLS`].
pub fn script(shell: &str) -> String {
    let shell = match shell {
        "zsh" => Shell::Zsh,
        "fish" => Shell::Fish,
        _ => Shell::Bash,
    };
    let mut command = flags::completer();
    command.build();
    let mut script = Vec::new();
    // Writing to memory does not fail.
    let _ = shell.try_generate(&command, &mut script);
    String::from_utf8_lossy(&script).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::flags::{self, SHELLS};
    use super::script;

    #[test]
    fn completes_every_flag_and_value_once() {
        for shell in SHELLS {
            let script = script(shell);
            for flag in flags::all() {
                assert!(
                    script.contains(flag.setting.name),
                    "{shell}: {}",
                    flag.setting.name
                );
                for word in flag.choices() {
                    assert!(script.contains(word), "{shell}: {word} of {}", flag.setting.name);
                }
                if flag.setting.name.contains('_') {
                    let other = format!("-{}", flag.setting.kebab());
                    assert!(!script.contains(&other), "{shell}: {other} is there twice");
                }
            }
        }
    }
}
