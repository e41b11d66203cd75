//! The units and namespaces that entries are in.

use super::entries::count;
use super::known::Name;
use crate::fingerprint::{Fingerprint, Numbers, Seed};

/// A unit or namespace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'a> {
    pub(super) name: &'a str,
    pub(super) parent: u32,
    pub(super) print: Fingerprint,
}

/// Scopes, each once. The first is that of units.
#[derive(Debug)]
pub(super) struct Scopes<'a> {
    list: Vec<Scope<'a>>,
    numbers: Numbers,
}

impl<'a> Scopes<'a> {
    pub(super) fn new(seed: &Seed) -> Self {
        let unit = Scope {
            name: "",
            parent: 0,
            print: seed.start(),
        };
        let mut numbers = Numbers::default();
        numbers.insert(unit.print, 0);
        Self {
            list: vec![unit],
            numbers,
        }
    }

    pub(super) fn get(&self, scope: u32) -> Option<&Scope<'a>> {
        self.list.get(scope as usize)
    }

    /// All scopes; a scope comes after the one that it is in.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Scope<'a>> {
        self.list.iter()
    }

    /// The scope that is called `name` in another.
    pub(super) fn inner(&mut self, parent: u32, name: Name<'a>, seed: &Seed) -> u32 {
        let Some(around) = self.get(parent) else {
            return parent;
        };
        let print = seed.pair(around.print, name.print);
        self.add(Scope {
            name: name.text,
            parent,
            print,
        })
    }

    /// Adds a scope, unless it is there.
    pub(super) fn add(&mut self, scope: Scope<'a>) -> u32 {
        if let Some(known) = self.numbers.get(scope.print) {
            return known;
        }
        let number = count(&self.list);
        self.numbers.insert(scope.print, number);
        self.list.push(scope);
        number
    }
}
