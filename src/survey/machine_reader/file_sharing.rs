//! Whether the file of a program is a copy, a hard link or a reflink.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::OFlag;

use crate::colony::BinarySharing;

/// None if the file is missing or cannot be read.
pub(super) fn of(program: &Path) -> Option<BinarySharing> {
    // A row may contain any path: do not follow symlinks or wait for a pipe.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
        .open(program)
        .ok()?;
    let seen = file.metadata().ok().filter(|seen| seen.is_file())?;
    Some(if seen.nlink() > 1 {
        BinarySharing::Link
    } else if has_blocks_of_others(&file) {
        BinarySharing::Reflink
    } else {
        BinarySharing::Copy
    })
}

/// Whether it shares blocks with another file. A filesystem without this information shares none.
#[cfg(target_os = "linux")]
fn has_blocks_of_others(file: &File) -> bool {
    let is_shared =
        |extent: fiemap::FiemapExtent| extent.fe_flags.contains(fiemap::FiemapExtentFlags::SHARED);
    fiemap::Fiemap::new(file).map_while(Result::ok).any(is_shared)
}

/// macOS has no call for it.
#[cfg(not(target_os = "linux"))]
fn has_blocks_of_others(_: &File) -> bool {
    false
}
