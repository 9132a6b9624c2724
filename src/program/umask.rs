//! The umask of the process.

use nix::sys::stat::{Mode, umask};

/// Sets the umask so that files are made with the modes that wnm expects, whatever umask it was started with. Under 777
/// it could not delete what it made.
pub fn set() {
    umask(Mode::S_IWGRP | Mode::S_IWOTH);
}
