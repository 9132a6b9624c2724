//! Whether the colony lies where root can be sure of it.

use std::path::{Path, PathBuf};

use super::Session;
use crate::error::ExitError;
use crate::program::trusted_path::{self, UntrustedPath};
use crate::settings::Locations;

impl Session {
    /// Refuses a colony where somebody else could exchange what root reads and writes there.
    ///
    /// # Errors
    /// With the first place on the way to its folder or database that is another's, or that others may write.
    pub fn refuse_weak_ground(&self) -> Result<(), ExitError> {
        self.refuse_places(trusted_path::find_not_exclusive)
    }

    /// The same of a colony that is to be made, as far as it is there.
    ///
    /// # Errors
    /// As [`Session::refuse_weak_ground`].
    pub fn refuse_weak_future(&self) -> Result<(), ExitError> {
        self.refuse_places(trusted_path::find_untrusted)
    }

    fn refuse_places(&self, weakness: fn(&Path) -> Option<UntrustedPath>) -> Result<(), ExitError> {
        if !trusted_path::is_required(self.place.mode) {
            return Ok(());
        }
        let Locations {
            base_dir, db_path, ..
        } = &self.place;
        // A name without a folder lies in the one that wnm was called in.
        let whole: Vec<PathBuf> = [base_dir, db_path]
            .into_iter()
            .filter_map(|path| std::path::absolute(path).ok())
            .collect();
        // SQLite makes files beside the database and takes them away again: no folder for it is one where all may make
        // names.
        let folder = whole.last().and_then(|path| path.parent());
        let places = whole.iter().map(PathBuf::as_path).chain(folder);
        match places.filter_map(weakness).next() {
            None => Ok(()),
            Some(weak) => {
                Err(ExitError::refused(format_args!("not with root's rights: {weak}")).hint(weak.hint()))
            }
        }
    }
}
