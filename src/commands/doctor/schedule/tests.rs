use std::fs;

use super::{JOBS, Operator, Schedule, crontab};
use crate::report::doctor::Verdict;

fn check(text: &str) -> (Verdict, String) {
    let operator = Operator {
        user: "op".to_owned(),
        uid: 1000,
        home: "/home/op".into(),
    };
    let kind = crontab::CrontabKind {
        operator: &operator,
        has_users: false,
        login_path: "/usr/bin",
    };
    let lines = crontab::read(text, kind).into_iter();
    let schedule = Schedule {
        lines: lines.map(|line| ("the crontab".to_owned(), line)).collect(),
        ..Schedule::default()
    };
    let result = schedule.check(&operator);
    (result.verdict, result.what)
}

#[test]
fn path_that_cron_does_not_expand_fails() {
    let (verdict, what) = check("PATH=$HOME/.local/bin:/bin\n* * * * * wnm\n");
    assert_eq!(verdict, Verdict::Failed);
    assert!(what.contains("does not expand `$`"), "{what}");
}

#[test]
fn line_with_a_missing_program_fails() {
    let (verdict, what) = check("* * * * * $HOME/no/such/wnm\n");
    assert_eq!(
        (verdict, what.contains("not found")),
        (Verdict::Failed, true),
        "{what}"
    );
}

#[test]
fn without_a_line_the_operator_is_named() {
    let (verdict, what) = check("");
    assert_eq!(
        (verdict, what.contains("`op`")),
        (Verdict::Failed, true),
        "{what}"
    );
}

#[test]
fn a_report_is_no_cycle_and_does_no_harm_beside_one() {
    let (verdict, what) = check("* * * * * /bin/wnm --report plan\n");
    assert_eq!(verdict, Verdict::Failed);
    assert!(what.contains("runs it only with `--report`"), "{what}");
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("wnm");
    std::os::unix::fs::symlink("/bin/true", &program).expect("a program");
    let wnm = program.display();
    for (text, verdict) in [
        (format!("* * * * * {wnm} -q\n"), Verdict::Ok),
        (
            format!("* * * * * {wnm} -q\n* * * * * {wnm} --report plan >/x\n"),
            Verdict::Ok,
        ),
        (
            format!("0-59 * * * * {wnm} -q\n0 3 * * * {wnm} --report machine-config\n"),
            Verdict::Ok,
        ),
        (format!("*/1 */1 * * * {wnm}\n"), Verdict::Ok),
        (
            format!("* * * * * {wnm}\n* * * * * sleep 30; {wnm}\n"),
            Verdict::Ok,
        ),
        (format!("0-29 * * * * {wnm}\n30-59 * * * * {wnm}\n"), Verdict::Ok),
        (format!("* * * * * {wnm}\n* * * * * {wnm} -q\n"), Verdict::Warning),
        (format!("* * * * mon-fri {wnm}\n"), Verdict::Warning),
        (format!("* * * * * {wnm} --bad\n"), Verdict::Failed),
        (format!("* * * * * {wnm} > $(date +%F)\n"), Verdict::Failed),
    ] {
        let (found, what) = check(&text);
        assert_eq!(found, verdict, "{text}: {what}");
    }
}

#[test]
fn finds_launchd_jobs_of_both_installers() {
    for job in JOBS {
        let home = tempfile::tempdir().expect("a home");
        let agents = home.path().join("Library/LaunchAgents");
        fs::create_dir_all(&agents).expect("a folder");
        fs::write(agents.join(format!("{job}.plist")), "").expect("a job");
        let operator = Operator {
            user: "op".to_owned(),
            uid: 1000,
            home: home.path().to_owned(),
        };
        let mut schedule = Schedule::default();
        schedule.find_jobs(&operator);
        assert_eq!(schedule.check(&operator).verdict, Verdict::Ok, "{job}");
    }
}
