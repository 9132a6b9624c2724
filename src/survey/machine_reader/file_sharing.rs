//! How a program's file has its bytes: by the number of its names, and by whose the blocks are.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::OFlag;

use crate::colony::BinarySharing;

/// None where there is no such file, or it may not be read.
pub(super) fn of(program: &Path) -> Option<BinarySharing> {
    // A row may name anything: nothing is followed, and no pipe is waited for.
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

/// Whether any of its blocks is another file's too. A filesystem that cannot say shares none.
#[cfg(target_os = "linux")]
fn has_blocks_of_others(file: &File) -> bool {
    let is_shared =
        |extent: fiemap::FiemapExtent| extent.fe_flags.contains(fiemap::FiemapExtentFlags::SHARED);
    fiemap::Fiemap::new(file).map_while(Result::ok).any(is_shared)
}

/// macOS does not tell; it has links on every filesystem that it clones on.
#[cfg(not(target_os = "linux"))]
fn has_blocks_of_others(_: &File) -> bool {
    false
}
