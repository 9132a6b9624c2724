//! docs/faults.md: made from the faults that are played.

use std::fmt::Write;
use std::path::Path;

use super::{Fault, antnode, calls, database, disk, machine, masses, process, programs, storage};

const BEGIN: &str = "<!-- from here on by tests/faults -->\n";
const END: &str = "<!-- up to here by tests/faults -->\n";

const SECTIONS: [(&str, &[Fault]); 9] = [
    ("Disks", disk::FAULTS),
    ("Missing disks", storage::FAULTS),
    ("The database", database::FAULTS),
    ("antnode", antnode::FAULTS),
    ("Other programs", programs::FAULTS),
    ("The process itself", process::FAULTS),
    ("The machine", machine::FAULTS),
    ("Many nodes at once", masses::FAULTS),
    ("Any system call", calls::FAULTS),
];

#[test]
fn the_page_is_the_table_of_the_faults_that_are_played() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/faults.md");
    let page = std::fs::read_to_string(&path).expect("the page");
    let (before, rest) = page.split_once(BEGIN).expect("where the tables begin");
    let (_, after) = rest.split_once(END).expect("where the tables end");
    let made = format!("{before}{BEGIN}{}{END}{after}", tables());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &made).expect("the page is written");
        return;
    }
    let wrong = made.lines().zip(page.lines()).find(|(is, said)| is != said);
    assert_eq!(wrong, None, "what is played, and what the page says");
    assert_eq!(made.lines().count(), page.lines().count());
}

fn tables() -> String {
    let mut text = String::new();
    for (heading, faults) in SECTIONS {
        assert!(!faults.is_empty(), "{heading}");
        write!(
            text,
            "\n## {heading}\n\n| fault | wnm says | code | the next run |\n| --- | --- | --- | --- |\n"
        )
        .expect("text");
        for fault in faults {
            let says = match fault.says {
                "" if fault.codes == [0] => "nothing".to_owned(),
                "" => "what failed, if anything did".to_owned(),
                says => format!("`{}`", says.replace('`', "")),
            };
            let code = |code: &i32| match code {
                -1 => "ended by the signal".to_owned(),
                code => code.to_string(),
            };
            let codes: Vec<String> = fault.codes.iter().map(code).collect();
            let (given, then) = (fault.given, fault.then.words());
            assert!(!given.contains('|') && !says.contains('|'), "{given}");
            writeln!(text, "| {given} | {says} | {} | {then} |", codes.join(" or ")).expect("text");
        }
    }
    text + "\n"
}
