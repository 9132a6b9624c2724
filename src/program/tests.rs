//! Programs run for real: `sh` and its friends.

use std::os::unix::process::ExitStatusExt;

use super::*;

fn sh(script: &str) -> Program {
    Program::new("sh").args(["-c", script])
}

#[test]
fn keeps_stdout_and_stderr_apart() {
    let ended = sh("echo one; echo two >&2").run().unwrap();
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("one\n", "two\n"));
}

#[test]
fn passes_arguments_without_a_shell() {
    let ended = Program::new("printf")
        .args(["%s|", "a b", "$HOME", "; true", "'\""])
        .run()
        .unwrap();
    assert_eq!(ended.stdout, "a b|$HOME|; true|'\"|");
}

#[test]
fn failure_quotes_command_exit_and_output() {
    let error = sh("for i in 1 2 3 4 5 6 7; do echo line $i >&2; done; exit 3")
        .run()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "run `sh -c 'for i in 1 2 3 4 5 6 7; do echo line $i >&2; done; exit 3'`: exit code 3: \
         line 3; line 4; line 5; line 6; line 7"
    );
    assert_eq!(
        sh("kill -9 $$").run().unwrap_err().to_string(),
        "run `sh -c 'kill -9 $$'`: killed by signal 9"
    );
}

#[test]
fn kills_program_and_its_children_at_the_time_limit() {
    let begun = Instant::now();
    let error = sh("echo waiting >&2; sleep 77 & sleep 77")
        .limit(Duration::from_millis(200))
        .run()
        .unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(
        error.to_string().ends_with("timed out after 0.2 s: waiting"),
        "{error}"
    );
}

#[test]
fn does_not_wait_for_children_left_behind() {
    let begun = Instant::now();
    let ended = sh("sleep 3 & echo done").run().unwrap();
    assert_eq!(ended.stdout, "done\n");
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[test]
fn reads_large_outputs() {
    let ended = sh("head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2")
        .run()
        .unwrap();
    assert_eq!((ended.stdout.len(), ended.stderr.len()), (3_000_000, 3_000_000));
}

#[test]
fn reads_given_input_only() {
    let ended = Program::new("cat").input("given").run().unwrap();
    assert_eq!(ended.stdout, "given");
    assert_eq!(Program::new("cat").run().unwrap().stdout, "");
    Program::new("true").input(vec![0; 1 << 20]).run().unwrap();
}

#[test]
fn reports_missing_program() {
    assert_eq!(
        Program::new("no-such-program-here")
            .run()
            .unwrap_err()
            .to_string(),
        "run `no-such-program-here`: it is not installed"
    );
}

#[test]
fn given_a_language_of_the_operator_when_a_program_runs_then_it_speaks_english() {
    let ended = sh("echo \"$LC_ALL $LANGUAGE\"")
        .env("LANG", "es_ES.UTF-8")
        .run()
        .unwrap();
    assert_eq!(ended.stdout, "C \n");
    let command = sh("true").command(OsStr::new("sh"));
    let cleared = command.get_envs().find(|(name, _)| *name == "LANGUAGE");
    assert_eq!(cleared, Some((OsStr::new("LANGUAGE"), None)));
}

#[test]
fn given_a_program_in_sbin_when_sudo_runs_it_then_it_is_called_by_its_full_path() {
    let program = |name: &str| {
        let mut program = Program::new(name);
        program.sudo = true;
        program.command_line()
    };
    let tool = ["ldconfig", "chroot", "useradd", "ip6tables"]
        .into_iter()
        .find(|name| path_in_sbin(OsStr::new(name)).is_some());
    let Some(tool) = tool else {
        return;
    };
    let line = program(tool);
    assert!(line.contains("sbin/") && line.ends_with(tool), "{line}");
    assert_eq!(program("sh"), "sudo -n sh");
    assert_eq!(program("/opt/tool"), "sudo -n /opt/tool");
    assert_eq!(program("no-such-program-here"), "sudo -n no-such-program-here");
    assert_eq!(Program::new(tool).command_line(), tool);
}

#[test]
fn given_sudo_that_does_not_find_a_program_when_it_answers_then_that_is_no_refusal() {
    let ended = |stderr: &str| ProgramResult {
        status: ExitStatus::from_raw(1 << 8),
        stdout: String::new(),
        stderr: stderr.to_owned(),
    };
    for missing in [
        "sudo: ufw: command not found\n",
        "sudo: 'ufw': command not found\n",
    ] {
        assert!(
            is_not_found_by_sudo(&ended(missing)) && !is_sudo_refusal(&ended(missing)),
            "{missing}"
        );
    }
    assert!(!is_not_found_by_sudo(&ended("sh: 1: ufw: command not found\n")));
    assert!(!is_not_found_by_sudo(&ended("sudo: a password is required\n")));
}

#[test]
fn tells_refusal_of_sudo_from_failure_of_program() {
    let ended = |code: i32, stderr: &str| ProgramResult {
        status: ExitStatus::from_raw(code << 8),
        stdout: String::new(),
        stderr: stderr.to_owned(),
    };
    assert!(is_sudo_refusal(&ended(1, "sudo: a password is required\n")));
    assert!(is_sudo_refusal(&ended(
        1,
        "sudo: interactive authentication is required"
    )));
    assert!(!is_sudo_refusal(&ended(1, "rm: cannot remove")));
    assert!(!is_sudo_refusal(&ended(0, "sudo: a password is required")));
}

fn is_not_found_by_sudo(ended: &ProgramResult) -> bool {
    super::is_not_found_by_sudo(ended.code(), &ended.stderr)
}

fn is_sudo_refusal(ended: &ProgramResult) -> bool {
    super::is_sudo_refusal(ended.code(), &ended.stderr)
}
