//! The roots of the crate that is being compiled, as far as its macros have been expanded.
//!
//! A compiler expands the macros of one crate in one process, in an order of its choosing; what
//! one expansion has to know of another goes through here. Editors expand a macro over and over,
//! so nothing may be registered there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What `embed!()` embeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Embed {
    /// C types and Rust types.
    WithRust,
    /// C types only, because no Rust type was known of.
    WithoutRust,
}

/// What the expansions have left so far.
#[derive(Debug, Default)]
struct Registry {
    /// The C name of each root, and where it is declared.
    declared: BTreeMap<String, String>,
    /// The C names of the roots that the probe compile saw, once it has run.
    described: Option<BTreeSet<String>>,
    /// What `embed!()` did, once it is expanded.
    embed: Option<Embed>,
    /// Where `embed!()` is called.
    embed_place: Option<String>,
    /// How many anchors have their name.
    anchors: usize,
    /// Whether a root has asked for `embed!()`.
    asked_for_embed: bool,
}

static REGISTRY: Mutex<Registry> = Mutex::new(Registry {
    declared: BTreeMap::new(),
    described: None,
    embed: None,
    embed_place: None,
    anchors: 0,
    asked_for_embed: false,
});

fn registry() -> MutexGuard<'static, Registry> {
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is wrong with a root that is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// Another root has the name; it is declared there.
    Duplicate(String),
    /// The probe compile has not seen the root.
    Unseen,
}

/// Registers a root by its C name.
pub(crate) fn declare(name: &str, place: String) -> Result<(), Problem> {
    registry().declare(name, place)
}

/// Registers the roots that the probe compile saw; answers those that were declared before and are
/// not among them, each with the place of its declaration.
pub(crate) fn describe(names: BTreeSet<String>) -> Vec<(String, String)> {
    registry().describe(names)
}

/// Whether a root has been declared.
pub(crate) fn any_declared() -> bool {
    !registry().declared.is_empty()
}

/// Registers a call of `embed!()`; answers the place of an earlier one.
pub(crate) fn embed_at(place: String) -> Option<String> {
    registry().embed_place.replace(place)
}

/// Registers what `embed!()` does.
pub(crate) fn embed(embed: Embed) {
    registry().embed = Some(embed);
}

/// Whether `embed!()` has left the Rust types to the root that asks. The first that does gets them.
pub(crate) fn left_by_embed() -> bool {
    let mut registry = registry();
    let left = registry.embed == Some(Embed::WithoutRust);
    if left {
        registry.embed = Some(Embed::WithRust);
    }
    left
}

/// A number that no other anchor of the crate has.
pub(crate) fn anchor() -> usize {
    let mut registry = registry();
    registry.anchors += 1;
    registry.anchors
}

/// Whether this is the first root to ask for `embed!()`: one error about it is enough.
pub(crate) fn first_to_ask_for_embed() -> bool {
    !std::mem::replace(&mut registry().asked_for_embed, true)
}

impl Registry {
    fn declare(&mut self, name: &str, place: String) -> Result<(), Problem> {
        if let Some(first) = self.declared.get(name) {
            return Err(Problem::Duplicate(first.clone()));
        }
        self.declared.insert(name.to_owned(), place);
        match &self.described {
            Some(described) if !described.contains(name) => Err(Problem::Unseen),
            _ => Ok(()),
        }
    }

    fn describe(&mut self, names: BTreeSet<String>) -> Vec<(String, String)> {
        let unseen = self
            .declared
            .iter()
            .filter(|(name, _)| !names.contains(*name))
            .map(|(name, place)| (name.clone(), place.clone()))
            .collect();
        self.described = Some(names);
        unseen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_is_one_root() {
        let mut registry = Registry::default();
        assert_eq!(registry.declare("Request", "a.rs:1".into()), Ok(()));
        assert_eq!(
            registry.declare("Request", "b.rs:2".into()),
            Err(Problem::Duplicate("a.rs:1".into()))
        );
    }

    /// `embed!()` may be expanded before or after a root, and misses it in neither case.
    #[test]
    fn a_root_that_the_probe_did_not_see_is_found() {
        let mut registry = Registry::default();
        registry.declare("Before", "a.rs:1".into()).unwrap();
        registry.declare("Hidden", "a.rs:2".into()).unwrap();
        let seen = ["Before", "After"].map(str::to_owned).into();
        assert_eq!(
            registry.describe(seen),
            [("Hidden".to_owned(), "a.rs:2".to_owned())]
        );
        assert_eq!(registry.declare("After", "a.rs:3".into()), Ok(()));
        assert_eq!(
            registry.declare("Late", "a.rs:4".into()),
            Err(Problem::Unseen)
        );
    }
}
