//! wnm, the Weave Node Manager: looks at one machine and its antnodes, decides what to do, does it, and leaves.
//!
//! Imports only point down this list; `tests/layers.rs` holds it to that:
//!
//! ```text
//! 7  main
//! 6  arguments -> request -> error -> init -> cycle
//! 5  execute   report
//! 4  world
//! 3  survey    manager    firewall   store
//! 2  settings
//! 1  program   lock       clock      signals    logging
//! 0  colony -> plan                                      pure
//! ```
#![forbid(unsafe_code)]

pub mod arguments;
pub mod clock;
pub mod colony;
pub mod firewall;
pub mod manager;
pub mod plan;
pub mod program;
pub mod settings;
pub mod store;
pub mod survey;
