use super::{CrontabKind, CrontabLine, LineFault, Purpose, read};
use crate::settings::locations::Operator;

fn lines_of(text: &str, has_users: bool) -> Vec<CrontabLine> {
    let operator = Operator {
        user: "op".to_owned(),
        uid: 1000,
        home: "/home/op".into(),
    };
    let kind = CrontabKind {
        operator: &operator,
        has_users,
        login_path: "/login/bin",
    };
    read(text, kind)
}

/// The first call in a crontab, in a word.
fn build_plan(text: &str) -> &'static str {
    let lines = lines_of(text, false);
    let Some(line) = lines.first() else {
        return "nothing";
    };
    match (&line.fault, &line.purpose) {
        (Some(LineFault::Cut { .. }), _) => "cut",
        (Some(LineFault::Shortened { .. }), _) => "shortened",
        (Some(LineFault::Unfinished), _) => "unfinished",
        (None, Purpose::Cycle) => "cycle",
        (None, Purpose::Other(_)) => "other",
        (None, Purpose::Refused(_)) => "refused",
    }
}

#[test]
fn forty_crontabs_are_judged_by_what_cron_runs() {
    for (command, expected) in [
        ("/usr/local/bin/wnm -q", "cycle"),
        ("$HOME/.local/bin/wnm --quiet", "cycle"),
        ("wnm -q >>$HOME/wnm.log 2>&1", "cycle"),
        ("cd /x && \"/opt/wnm\"; true", "cycle"),
        ("cd /opt/wnm && ./wnm -q", "cycle"),
        ("PATH=/usr/local/bin:/usr/bin:/bin wnm --quiet", "cycle"),
        ("bash -lc \"wnm --quiet\"", "cycle"),
        ("bash -l -c 'wnm --quiet'", "cycle"),
        (". ~/.profile; wnm", "cycle"),
        (". $HOME/.profile && wnm -q", "cycle"),
        ("nice -n 19 wnm -q", "cycle"),
        ("nice -19 ionice -c3 wnm -q", "cycle"),
        ("flock -n /tmp/x /usr/bin/wnm", "cycle"),
        ("flock -n /tmp/x -c 'wnm -q'", "cycle"),
        ("timeout -k 5 50 wnm -q", "cycle"),
        ("taskset -c 0,1 wnm -q", "cycle"),
        ("env LC_ALL=C wnm -q | logger -t wnm", "cycle"),
        ("sleep 20; wnm", "cycle"),
        ("[ -x /usr/bin/wnm ] && wnm", "cycle"),
        ("if test -e /tmp/on; then wnm -q; fi", "cycle"),
        ("(wnm -q) >/dev/null 2>&1", "cycle"),
        ("test -e /tmp/off || { wnm -q; }", "cycle"),
        ("wnm -q # 100 nodes", "cycle"),
        ("wnm -q && date +\\%F >/tmp/last", "cycle"),
        ("wnm --dry_run=false", "cycle"),
        ("setsid nohup wnm -q &", "cycle"),
        (
            "wnm -q --report influx-resources >/x/.influx && mv /x/.influx /x/influx",
            "other",
        ),
        ("wnm --dry_run", "other"),
        ("DRY_RUN=1 wnm", "other"),
        ("wnm --doctor", "other"),
        ("wnm --force_action update_config --node_cap 5", "other"),
        ("wnm --version", "other"),
        ("wnm --no-such-flag", "refused"),
        ("echo \"wnm says hi\"", "nothing"),
        ("echo wnm", "nothing"),
        ("cd /opt/wnm && ./run.sh", "nothing"),
        ("ls /var/lib/wnm.log", "nothing"),
        ("pgrep -x wnm >/dev/null", "nothing"),
        ("/usr/bin/wnmd", "nothing"),
        (
            "/usr/local/bin/wnm --quiet >> /home/op/wnm-$(date +%F).log 2>&1",
            "cut",
        ),
        ("date +%F && wnm", "cut"),
        ("wnm -q >>/home/op/wnm-%F.log", "shortened"),
        ("wnm -q >>\"/home/op/log", "unfinished"),
    ] {
        assert_eq!(
            build_plan(&format!("* * * * * {command}\n")),
            expected,
            "{command}"
        );
    }
    assert_eq!(build_plan("DRY_RUN=yes\n* * * * * wnm\n"), "other");
    assert_eq!(build_plan("CMD=/usr/bin/wnm -q\n* * * * * $CMD\n"), "cycle");
    assert_eq!(build_plan("# * * * * * wnm\n"), "nothing");
}

#[test]
fn the_escaped_form_of_a_cut_line_can_be_pasted() {
    let lines = lines_of("* * * * * wnm >> /x-$(date +%F-\\%H).log\n", false);
    let escaped = "wnm >> /x-$(date +\\%F-\\%H).log".to_owned();
    assert_eq!(lines[0].fault, Some(LineFault::Cut { escaped }));
}

#[test]
fn the_program_is_looked_for_where_the_shell_looks() {
    for (text, place) in [
        ("* * * * * cd /opt/x && ./wnm", "/opt/x/./wnm"),
        ("* * * * * ./bin/wnm", "/home/op/./bin/wnm"),
        ("* * * * * ~/bin/wnm", "/home/op/bin/wnm"),
        ("* * * * * PATH=$HOME/bin:$PATH wnm", "/home/op/bin/wnm"),
        ("PATH=/a:/b\n* * * * * wnm", "/a/wnm"),
        ("HOME=/srv/op\n* * * * * ~/wnm", "/srv/op/wnm"),
        ("* * * * * bash -lc wnm", "/login/bin/wnm"),
        ("* * * * * '/x y/wnm' -q", "/x y/wnm"),
    ] {
        let lines = lines_of(text, false);
        assert_eq!(lines[0].places[0].to_string_lossy(), place, "{text}");
    }
}

#[test]
fn path_is_the_last_one_set_above_the_line() {
    let text = "PATH=/a\n* * * * * op /x/wnm\nPATH = \"/b:/c\"\nMAILTO=op\n* * * * * root /y/wnm\n\
        * * * * * root sudo -u op wnm\n* * * * * root su - op -c 'wnm -q'\n";
    let lines = lines_of(text, true);
    let found: Vec<_> = lines
        .iter()
        .map(|line| (line.user.as_deref().unwrap_or_default(), line.path.as_str()))
        .collect();
    let expected = [
        ("op", "/a"),
        ("root", "/b:/c"),
        ("op", "/b:/c"),
        ("op", "/login/bin:/b:/c"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_script_is_read_for_the_programs_that_it_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("run.sh");
    std::fs::write(
        &script,
        "#!/bin/sh\n# wnm each minute\ncd /x\nexec nice /opt/wnm -q\n",
    )
    .expect("a script");
    let lines = lines_of(&format!("* * * * * {}\n", script.display()), false);
    assert_eq!(lines.len(), 1);
    assert_eq!(
        (lines[0].program.as_str(), &lines[0].purpose),
        ("/opt/wnm", &Purpose::Cycle)
    );
}
