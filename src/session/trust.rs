//! Checks that no other account can replace the colony's files while root uses them.

use std::path::{Path, PathBuf};

use super::Session;
use crate::error::ExitError;
use crate::program::trusted_path::{self, UntrustedPath};
use crate::settings::Locations;

impl Session {
    /// Rejects a colony whose files another account could replace while root uses them.
    ///
    /// # Errors
    /// Names the first directory on the path that another account owns or may write.
    pub fn require_trusted_paths(&self) -> Result<(), ExitError> {
        self.require_trusted(trusted_path::find_not_exclusive)
    }

    /// The same check for a colony that will be created: only of the directories that exist.
    ///
    /// # Errors
    /// As [`Session::refuse_weak_ground`].
    pub fn require_trusted_new_paths(&self) -> Result<(), ExitError> {
        self.require_trusted(trusted_path::find_untrusted)
    }

    fn require_trusted(&self, find_untrusted: fn(&Path) -> Option<UntrustedPath>) -> Result<(), ExitError> {
        if !trusted_path::is_required(self.place.mode) {
            return Ok(());
        }
        let Locations {
            base_dir, db_path, ..
        } = &self.place;
        // A relative path belongs to the working directory.
        let whole: Vec<PathBuf> = [base_dir, db_path]
            .into_iter()
            .filter_map(|path| std::path::absolute(path).ok())
            .collect();
        // SQLite creates and deletes files beside the database, so its directory must not be writable for others.
        let folder = whole.last().and_then(|path| path.parent());
        let places = whole.iter().map(PathBuf::as_path).chain(folder);
        match places.filter_map(find_untrusted).next() {
            None => Ok(()),
            Some(weak) => {
                Err(ExitError::refused(format_args!("not with root's rights: {weak}")).hint(weak.hint()))
            }
        }
    }
}
