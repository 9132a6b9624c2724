//! Creates directories, also where other users can create names, and changes their owners.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use super::{Files, refuse_unusual_path, refused, sync_parent};
use crate::colony::Mode;
use crate::manager::ManagerError;
use crate::program::Program;
use crate::program::trusted_path::{self, TrustedAncestor};
use crate::program::user_account::Account;

/// Whether another account owns a directory, or its group does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectoryOwnership {
    ByOwner,
    ByGroup,
}

impl Files {
    /// Creates a directory inside one of `owner`, with only the rights of `owner`: so a file or symlink that `owner` put
    /// there cannot get new rights.
    pub fn make_inner_dir(&self, path: &Path, owner: Option<&Account>) -> Result<(), ManagerError> {
        let Some(owner) = owner.filter(|_| self.mode == Mode::Sudo) else {
            return self.make_dir(path, owner);
        };
        refuse_unusual_path("create", path)?;
        let mkdir = Program::new("mkdir").args(["-p", "-m", "0755", "--"]).arg(path);
        mkdir.as_account(owner).run()?;
        Ok(())
    }

    /// Creates the directory and its ancestors. In sudo mode `owner` owns it, without one root; root owns the ancestors.
    pub fn make_dir(&self, path: &Path, owner: Option<&Account>) -> Result<(), ManagerError> {
        refuse_unusual_path("create", path)?;
        let seen = fs::symlink_metadata(path).ok();
        if seen.as_ref().is_some_and(fs::Metadata::is_symlink) && owner.is_some() {
            return Err(refused("create", path, "it is a symbolic link"));
        }
        let is_there = fs::metadata(path).is_ok_and(|seen| seen.is_dir());
        match self.mode {
            Mode::User if is_there => Ok(()),
            Mode::User => {
                self.prepare_parent(path)?;
                DirBuilder::new()
                    .recursive(true)
                    .mode(0o755)
                    .create(path)
                    .map_err(ManagerError::file("create", path))
            }
            Mode::Sudo => {
                let is_owned = |owner: &Account| seen.as_ref().is_some_and(|seen| seen.uid() == owner.uid);
                if is_there && owner.is_none_or(is_owned) {
                    return Ok(());
                }
                self.prepare_parent(path)?;
                let mut install = self.program("install").args(["-d", "-m", "0755"]);
                if let Some(owner) = owner {
                    install = install.args(["-o", &owner.name, "-g", &owner.gid.to_string()]);
                }
                install.arg("--").arg(path).run()?;
                Ok(())
            }
        }
    }

    /// Checks that no other user can interfere with creating a directory or changing its owner. Where others could create
    /// its first missing ancestor, it creates that one first: then everything in it is ours.
    fn prepare_parent(&self, path: &Path) -> Result<(), ManagerError> {
        let ancestor = match trusted_path::check(path) {
            // For a directory that belongs to another account for now, its ancestors count.
            Err(_)
                if path
                    .parent()
                    .is_some_and(|above| trusted_path::check(above) == Ok(TrustedAncestor::Exclusive)) =>
            {
                return Ok(());
            }
            ancestor => ancestor,
        };
        match ancestor {
            Ok(TrustedAncestor::Exclusive) => Ok(()),
            Ok(TrustedAncestor::Shared(first)) => match self.mode {
                Mode::User => DirBuilder::new()
                    .mode(0o755)
                    .create(&first)
                    .map_err(ManagerError::file("create", &first)),
                Mode::Sudo => {
                    let mkdir = self.program("mkdir").args(["-m", "0755", "--"]);
                    mkdir.arg(&first).run()?;
                    Ok(())
                }
            },
            Err(weak) if trusted_path::is_required(self.mode) => {
                Err(refused("create", path, &format!("{weak}; {}", weak.hint())))
            }
            Err(_) => Ok(()),
        }
    }

    /// Gives a directory of another account, or of its group, to root; never the target of a symlink.
    pub fn give_to_root(&self, path: &Path, ownership: DirectoryOwnership) -> Result<(), ManagerError> {
        refuse_unusual_path("change the owner of", path)?;
        let root = match ownership {
            DirectoryOwnership::ByOwner => "root",
            DirectoryOwnership::ByGroup => "root:0",
        };
        self.program("chown").args(["-h", root, "--"]).arg(path).run()?;
        Ok(())
    }

    /// [`make_dir`](Files::make_dir), whose result survives a power failure: for directories that rows name.
    pub fn make_dir_durably(&self, path: &Path, owner: Option<&Account>) -> Result<(), ManagerError> {
        let was_there = fs::symlink_metadata(path).is_ok();
        self.make_dir(path, owner)?;
        if !was_there {
            sync_parent(path);
        }
        Ok(())
    }
}
