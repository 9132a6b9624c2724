//! Folders: made where somebody else may make names as well, given to nodes, and taken back.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use super::{Files, refuse_crooked, refused, sync_parent};
use crate::colony::Mode;
use crate::manager::ManagerError;
use crate::program::Program;
use crate::program::trusted_path::{self, TrustedAncestor};
use crate::program::user_account::Account;

/// By which of its two a folder is another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FolderOwnership {
    ByOwner,
    ByGroup,
}

impl Files {
    /// Makes a folder inside one that is `owner`'s already, with no more rights than the owner has: whatever else
    /// the owner may have put there, it cannot be made over to him.
    pub fn make_inner_dir(&self, path: &Path, owner: Option<&Account>) -> Result<(), ManagerError> {
        let Some(owner) = owner.filter(|_| self.mode == Mode::Sudo) else {
            return self.make_dir(path, owner);
        };
        refuse_crooked("make", path)?;
        let mkdir = Program::new("mkdir").args(["-p", "-m", "0755", "--"]).arg(path);
        mkdir.in_name_of(owner).run()?;
        Ok(())
    }

    /// Makes the folder and those above it. In sudo mode it belongs to `owner`, else to root, and those above to root.
    pub fn make_dir(&self, path: &Path, owner: Option<&Account>) -> Result<(), ManagerError> {
        refuse_crooked("make", path)?;
        let seen = fs::symlink_metadata(path).ok();
        if seen.as_ref().is_some_and(fs::Metadata::is_symlink) && owner.is_some() {
            return Err(refused("make", path, "it is a symbolic link"));
        }
        let is_there = fs::metadata(path).is_ok_and(|seen| seen.is_dir());
        match self.mode {
            Mode::User if is_there => Ok(()),
            Mode::User => {
                self.make_sure(path)?;
                DirBuilder::new()
                    .recursive(true)
                    .mode(0o755)
                    .create(path)
                    .map_err(ManagerError::file("make", path))
            }
            Mode::Sudo => {
                let is_owned = |owner: &Account| seen.as_ref().is_some_and(|seen| seen.uid() == owner.uid);
                if is_there && owner.is_none_or(is_owned) {
                    return Ok(());
                }
                self.make_sure(path)?;
                let mut install = self.program("install").args(["-d", "-m", "0755"]);
                if let Some(owner) = owner {
                    install = install.args(["-o", &owner.name, "-g", &owner.gid.to_string()]);
                }
                install.arg("--").arg(path).run()?;
                Ok(())
            }
        }
    }

    /// Sees that a folder can be made, or given to another, where nobody else has a hand in. The first of those that are
    /// missing is made, where others may make it as well: what lies in it is ours to make then.
    fn make_sure(&self, path: &Path) -> Result<(), ManagerError> {
        let footing = match trusted_path::footing(path) {
            // Of a folder that is another's for now the way to it counts.
            Err(_)
                if path
                    .parent()
                    .is_some_and(|above| trusted_path::footing(above) == Ok(TrustedAncestor::Firm)) =>
            {
                return Ok(());
            }
            footing => footing,
        };
        match footing {
            Ok(TrustedAncestor::Firm) => Ok(()),
            Ok(TrustedAncestor::Contested(first)) => match self.mode {
                Mode::User => DirBuilder::new()
                    .mode(0o755)
                    .create(&first)
                    .map_err(ManagerError::file("make", &first)),
                Mode::Sudo => {
                    let mkdir = self.program("mkdir").args(["-m", "0755", "--"]);
                    mkdir.arg(&first).run()?;
                    Ok(())
                }
            },
            Err(weak) if trusted_path::matters(self.mode) => {
                Err(refused("make", path, &format!("{weak}; {}", weak.hint())))
            }
            Err(_) => Ok(()),
        }
    }

    /// Makes a folder root's that is another account's, or another group's; never what a link leads to.
    pub fn give_to_root(&self, path: &Path, whose: FolderOwnership) -> Result<(), ManagerError> {
        refuse_crooked("take", path)?;
        let root = match whose {
            FolderOwnership::ByOwner => "root",
            FolderOwnership::ByGroup => "root:0",
        };
        self.program("chown").args(["-h", root, "--"]).arg(path).run()?;
        Ok(())
    }

    /// The same, and its name is on disk when this returns: of a folder that a row counts on.
    pub fn make_lasting_dir(&self, path: &Path, owner: Option<&Account>) -> Result<(), ManagerError> {
        let was_there = fs::symlink_metadata(path).is_ok();
        self.make_dir(path, owner)?;
        if !was_there {
            sync_parent(path);
        }
        Ok(())
    }
}
