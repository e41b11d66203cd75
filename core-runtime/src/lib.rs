//! The runtime that ships.
