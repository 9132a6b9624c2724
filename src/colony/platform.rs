//! The operating system, which decides where files are and which managers can run.

/// The operating system that wnm was built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    Linux,
    MacOs,
}

impl Platform {
    /// The platform of this build; every system but macOS counts as Linux.
    #[must_use]
    pub fn here() -> Platform {
        if cfg!(target_os = "macos") {
            Platform::MacOs
        } else {
            Platform::Linux
        }
    }
}
