//! What an answer of sudo means: the program is missing, or the account may not run it.

/// Whether sudo ran nothing because it did not find the program.
pub(super) fn is_not_found_by_sudo(code: Option<i32>, stderr: &str) -> bool {
    code == Some(1)
        && stderr.lines().any(|line| {
            let is_of_sudo = line.starts_with("sudo: ") || line.starts_with("sudo-rs: ");
            is_of_sudo && line.trim_end().ends_with("command not found")
        })
}

/// Whether sudo itself refused, and not its program failed.
pub(super) fn is_sudo_refusal(code: Option<i32>, stderr: &str) -> bool {
    const WORDS: [&str; 6] = [
        "password is required",
        "authentication is required",
        "a terminal is required",
        "not in the sudoers file",
        "may not run sudo",
        "is not allowed to execute",
    ];
    code == Some(1) && WORDS.iter().any(|words| stderr.contains(words))
}
