//! wnm's cron file, the last step of a takeover.

use std::fs;
use std::path::{Path, PathBuf};

use super::fs_ops::{FileOps, FileOwner};
use super::journal::Journal;
use super::{Server, TakeoverError};

/// The cron file of wnm.
pub const CRON_FILE: &str = "/etc/cron.d/wnm";

impl FileOwner {
    /// The owner and mode that cron requires.
    pub const ROOTS_CRON: FileOwner = FileOwner {
        uid: 0,
        gid: 0,
        bits: 0o644,
    };
}

/// The path of the running program.
pub(super) fn program() -> Result<PathBuf, TakeoverError> {
    // Not the first argument, which can be anything.
    let own = "/proc/self/exe";
    fs::read_link(own).map_err(|error| TakeoverError::unreadable(own, error))
}

/// Quotes a path for the command of a cron file.
pub(super) fn cron_word(path: &Path) -> Result<String, TakeoverError> {
    let text = path.to_str().filter(|text| {
        // cron takes a `%` for a line end, even between quotes.
        !text.contains(['%', '\n', '\r']) && text.starts_with('/')
    });
    match text {
        Some(text) => Ok(shell_words::quote(text).into_owned()),
        None => Err(TakeoverError::refused(
            format_args!("the path `{}` cannot be used in a cron file", path.display()),
            "install wnm as `/usr/local/bin/wnm` and run this again",
        )),
    }
}

/// The text of wnm's cron file.
fn text(user: &str, program: &Path, database: &Path) -> Result<String, TakeoverError> {
    let (program, database) = (cron_word(program)?, cron_word(database)?);
    Ok(format!(
        "# Runs wnm each minute. Written by wnm --init --migrate_anm; wnm --rollback_anm deletes it.\n\
         SHELL=/bin/sh\n\
         PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n\
         \n\
         * * * * *  {user}  {program} --dbpath {database} --quiet\n"
    ))
}

/// Writes the cron file that runs wnm as `user` with `database`. An existing file is in the backup. Can be repeated.
///
/// # Errors
/// When the file cannot be written.
pub fn install(server: &Server, user: &str, database: &Path) -> Result<(), TakeoverError> {
    let text = text(user, &program()?, database)?;
    FileOps::of(server).write(&server.path(CRON_FILE), &text, FileOwner::ROOTS_CRON)
}

/// Deletes the cron file, or restores the one that it replaced.
///
/// # Errors
/// When the file cannot be changed.
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
    fn schedule_has_user_program_and_database() {
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
    fn quotes_spaces_and_rejects_percent_signs() {
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
