//! Colonies made up by the thousand.
