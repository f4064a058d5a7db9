//! The home: found, read, written.
