//! The one test binary: each capability of wnm in a file of its own.
mod setsid;
