//! The build.rs helper.
