//! Reads the identity of a node before the node is removed, and puts it in place when the node is restored.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::{Files, refused, sync_parent};
use crate::bounded_read::{ReadError, bytes_in};
use crate::colony::Mode;
use crate::manager::ManagerError;
use crate::manager::file_tools::FileTools;
use crate::program::Program;
use crate::program::user_account::{self, Account};

/// The files that are a node's identity: that of antnode, and that of ant-node 2.
pub const IDENTITY_FILES: [&str; 2] = ["secret-key", "node_identity.key"];

/// A longer file is no identity: the longest one has 50 kB.
const LONGEST: u64 = 1 << 20;

/// An identity file: its name and its content.
pub type IdentityFile = (&'static str, Vec<u8>);

impl Files {
    /// The identity files in the root directory of a node. A node that never ran has none.
    ///
    /// In sudo mode they are read with the rights of the account that owns the directory and no others: that account
    /// may have replaced them with links.
    pub fn read_identity(&self, root: &Path) -> Result<Vec<IdentityFile>, ManagerError> {
        let mut files = Vec::new();
        for name in IDENTITY_FILES {
            let path = root.join(name);
            let content = match self.mode {
                Mode::User => read(&path),
                Mode::Sudo => read_as_owner(root, &path),
            }?;
            files.extend(
                content
                    .filter(|content| !content.is_empty())
                    .map(|content| (name, content)),
            );
        }
        Ok(files)
    }

    /// Writes the identity files into the root directory of a node, mode 0600. They are on disk when this returns.
    /// A directory that contains another identity is rejected.
    pub fn write_identity(&self, root: &Path, files: &[IdentityFile]) -> Result<(), ManagerError> {
        let present = self.read_identity(root)?;
        if present == files {
            return Ok(());
        }
        if !present.is_empty() {
            return Err(ManagerError::IdentityExists {
                root: root.to_owned(),
            });
        }
        for (name, content) in files {
            let (path, staging) = (root.join(name), root.join(format!(".{name}.new")));
            match self.mode {
                Mode::User => write_private(&path, &staging, content)?,
                Mode::Sudo => write_as_owner(root, &path, &staging, content)?,
            }
        }
        Ok(())
    }
}

/// Writes a file that only its owner can read: to `staging`, then to disk, then renamed.
pub fn write_private(path: &Path, staging: &Path, content: &[u8]) -> Result<(), ManagerError> {
    let write = || {
        match fs::remove_file(staging) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(staging)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(staging, path)
    };
    if let Err(error) = write() {
        let _ = fs::remove_file(staging);
        return Err(ManagerError::file("write", path)(error));
    }
    sync_parent(path);
    Ok(())
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, ManagerError> {
    match bytes_in(path, LONGEST) {
        Ok(content) => Ok(Some(content)),
        Err(ReadError::Io(error)) if error.kind() == ErrorKind::NotFound => Ok(None),
        // A run under an odd umask made a file of ours that nobody may read.
        Err(ReadError::Io(error)) if error.kind() == ErrorKind::PermissionDenied => {
            allow(path.parent().unwrap_or(path), 0o700);
            allow(path, 0o600);
            match bytes_in(path, LONGEST) {
                Ok(content) => Ok(Some(content)),
                Err(ReadError::Io(error)) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(_) => Err(ManagerError::file("read", path)(error)),
            }
        }
        Err(ReadError::Io(error)) => Err(ManagerError::file("read", path)(error)),
        Err(why) => {
            tracing::warn!("`{}` is no identity and is not kept: {why}", path.display());
            Ok(None)
        }
    }
}

/// Gives the owner these rights. Failures show when the path is used.
fn allow(path: &Path, rights: u32) {
    if let Ok(seen) = fs::metadata(path) {
        let mode = seen.permissions().mode() | rights;
        let _ = fs::set_permissions(path, Permissions::from_mode(mode));
    }
}

fn read_as_owner(root: &Path, path: &Path) -> Result<Option<Vec<u8>>, ManagerError> {
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Ok(seen) if !seen.is_file() || seen.len() > LONGEST => {
            tracing::warn!("`{}` is no identity and is not kept", path.display());
            return Ok(None);
        }
        _ => {}
    }
    // As text, because a key may contain bytes that are not UTF-8.
    let most = (LONGEST + 1).to_string();
    let dump = Program::new("od")
        .args(["-An", "-v", "-tx1", "-N", &most, "--"])
        .arg(path)
        .as_account(&owner_of(root)?);
    let ended = dump.ask()?;
    if ended.code() != Some(0) {
        if ended.stderr.contains("No such file") {
            return Ok(None);
        }
        return Err(dump.failure(&ended).into());
    }
    let bytes = ended.stdout.split_ascii_whitespace();
    let content: Option<Vec<u8>> = bytes.map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
    content
        .map(Some)
        .ok_or_else(|| refused("read", path, "`od` printed something that is no dump of a file"))
}

fn write_as_owner(root: &Path, path: &Path, staging: &Path, content: &[u8]) -> Result<(), ManagerError> {
    let owner = owner_of(root)?;
    let run = |program: Program| program.as_account(&owner).run();
    // `install` creates the file with its mode while it is empty. It cannot read the identity from its stdin: the account
    // may not open our pipe by the path /dev/stdin.
    let create = Program::new("install").args(["-m", "0600", "--", "/dev/null"]);
    run(create.arg(staging))?;
    run(Program::new("tee").arg("--").arg(staging).input(content))?;
    let rename = FileTools::here().rename();
    run(Program::new(rename[0]).args(&rename[1..]).arg(staging).arg(path))?;
    // Only its owner can open the file to write it to disk.
    nix::unistd::sync();
    Ok(())
}

fn owner_of(root: &Path) -> Result<Account, ManagerError> {
    let seen = fs::symlink_metadata(root).map_err(ManagerError::file("read", root))?;
    user_account::of(seen.uid()).ok_or_else(|| {
        refused(
            "read",
            root,
            &format!("its owner, user {}, has no account", seen.uid()),
        )
    })
}
