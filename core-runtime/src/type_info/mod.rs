//! Where the application's BTF comes from.

mod blobs;
#[cfg(feature = "dwarf")]
mod debug_info;
mod sources;
mod types;

pub(crate) use blobs::Types;
#[cfg(feature = "dwarf")]
pub(crate) use debug_info::separate_debug_file;
pub(crate) use sources::Places;
pub use sources::Tried;
pub use types::TypeInfo;
