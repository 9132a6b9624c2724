//! wnm, the Weave Node Manager: looks at one machine and its antnodes, decides what to do, does it, and leaves.
//!
//! Imports only point down this list; `tests/layers.rs` holds it to that:
//!
//! ```text
//! 7  main
//! 6  arguments -> request -> error -> session -> commands
//! 5  takeover    execute -> report
//! 4  world
//! 3  survey    manager    firewall    store
//! 2  settings
//! 1  signals -> clock, program    bounded_read -> lock    progress -> terminal -> logging
//! 0  colony -> plan                                      pure
//! ```
#![forbid(unsafe_code)]

pub mod arguments;
pub mod bounded_read;
pub mod clock;
pub mod colony;
pub mod commands;
pub mod error;
pub mod execute;
pub mod firewall;
pub mod lock;
pub mod logging;
pub mod manager;
pub mod plan;
pub mod program;
pub mod progress;
pub mod report;
pub mod request;
pub mod session;
pub mod settings;
pub mod signals;
pub mod store;
pub mod survey;
pub mod takeover;
pub mod terminal;
pub mod world;
