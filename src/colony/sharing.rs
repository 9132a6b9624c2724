//! What a node's antnode has in common with those of the other nodes.

/// Whether a program is one file for many nodes, or takes disk and memory for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sharing {
    /// One file with many names: its disk space and its pages in memory are there once.
    Link,
    /// A file of its own on the blocks of another: its disk space is there once, its pages in memory are not.
    Reflink,
    /// A file of its own.
    Copy,
}

impl Sharing {
    /// All of them, from the thriftiest.
    pub const ALL: [Sharing; 3] = [Sharing::Link, Sharing::Reflink, Sharing::Copy];

    /// As reports say it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Sharing::Link => "link",
            Sharing::Reflink => "reflink",
            Sharing::Copy => "copy",
        }
    }
}
