//! wnm's own schedule: the cron file that is installed last, when all else of a takeover is done.

use std::fs;
use std::path::{Path, PathBuf};

use super::fs_ops::{FileOps, FileOwner};
use super::journal::Journal;
use super::{Server, TakeoverError};

/// The cron file of wnm.
pub const CRON_FILE: &str = "/etc/cron.d/wnm";

impl FileOwner {
    /// As cron wants its files: root's, and writable for nobody else.
    pub const ROOTS_CRON: FileOwner = FileOwner {
        uid: 0,
        gid: 0,
        bits: 0o644,
    };
}

/// The program that runs now, by its path.
pub(super) fn program() -> Result<PathBuf, TakeoverError> {
    // What the kernel has mapped, whatever it was called by.
    let own = "/proc/self/exe";
    fs::read_link(own).map_err(|error| TakeoverError::unreadable(own, error))
}

/// A path as one word in the command of a cron file.
pub(super) fn cron_word(path: &Path) -> Result<String, TakeoverError> {
    let text = path.to_str().filter(|text| {
        // To cron a `%` is a line end, whatever quotes are around it.
        !text.contains(['%', '\n', '\r']) && text.starts_with('/')
    });
    match text {
        Some(text) => Ok(shell_words::quote(text).into_owned()),
        None => Err(TakeoverError::refused(
            format_args!("`{}` cannot be named in a cron file", path.display()),
            "install wnm as `/usr/local/bin/wnm` and call it again",
        )),
    }
}

/// The text of wnm's cron file.
fn text(user: &str, program: &Path, database: &Path) -> Result<String, TakeoverError> {
    let (program, database) = (cron_word(program)?, cron_word(database)?);
    Ok(format!(
        "# One pass of wnm each minute. Written by wnm --init --migrate_anm; it goes with wnm --rollback_anm.\n\
         SHELL=/bin/sh\n\
         PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n\
         \n\
         * * * * *  {user}  {program} --dbpath {database} --quiet\n"
    ))
}

/// Installs the schedule by which `user` runs the colony in `database`. One that is there, and was not ours, lies in
/// the backup. Done twice it does no harm.
///
/// # Errors
/// When the file cannot be written.
pub fn install(server: &Server, user: &str, database: &Path) -> Result<(), TakeoverError> {
    let text = text(user, &program()?, database)?;
    FileOps::of(server).write(&server.path(CRON_FILE), &text, FileOwner::ROOTS_CRON)
}

/// Takes the schedule away, and puts back what it replaced.
///
/// # Errors
/// When the file cannot be removed.
pub fn remove(server: &Server, journal: &Journal) -> Result<(), TakeoverError> {
    let path = Path::new(CRON_FILE);
    if journal.manifest(server)?.entry(path).is_some() {
        let copy = server.path(journal.copy_of(path));
        return FileOps::of(server).copy(&copy, &server.path(path));
    }
    FileOps::of(server).remove(&server.path(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_is_that_of_the_packaging_with_user_and_program() {
        let text = text(
            "weave",
            Path::new("/usr/local/bin/wnm"),
            Path::new("/var/antctl/colony.db"),
        )
        .unwrap();
        let last = text.lines().last().unwrap();
        assert_eq!(
            last,
            "* * * * *  weave  /usr/local/bin/wnm --dbpath /var/antctl/colony.db --quiet"
        );
        assert!(text.ends_with('\n'), "cron ignores a last line without an end");
    }

    #[test]
    fn a_path_with_blanks_is_quoted_and_one_that_cron_would_cut_is_refused() {
        let with = |path| text("op", Path::new("/wnm"), Path::new(path));
        assert!(
            with("/a b/colony.db")
                .unwrap()
                .contains("--dbpath '/a b/colony.db' ")
        );
        assert!(with("/a%b").is_err());
        assert!(with("/a\nb").is_err());
    }
}
