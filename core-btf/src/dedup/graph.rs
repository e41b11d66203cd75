//! Who refers to whom.

use crate::error::{Error, Result};
use crate::model::Type;

/// A type by its id. A bare number, as these fill tables as long as the input.
pub(super) type Node = u32;

/// References between types, and the same backwards, each in one table for all types.
#[derive(Debug)]
pub(super) struct Graph {
    targets: Table,
    users: Table,
}

/// For each node a list, one after the other.
#[derive(Debug)]
pub(super) struct Table {
    /// Where the list of a node starts; that of the next is where it ends.
    starts: Vec<u32>,
    entries: Vec<Node>,
}

impl Table {
    /// Of no node yet; `nodes` and `entries` are how many there will be.
    pub(super) fn with_capacity(nodes: usize, entries: usize) -> Self {
        let mut starts = Vec::with_capacity(nodes + 1);
        starts.push(0);
        let entries = Vec::with_capacity(entries);
        Self { starts, entries }
    }

    /// Adds a node to the list of the next one.
    pub(super) fn push(&mut self, node: Node) {
        self.entries.push(node);
    }

    /// Ends the list of the next node.
    pub(super) fn end(&mut self) -> Result<()> {
        self.starts.push(word(self.entries.len())?);
        Ok(())
    }

    pub(super) fn get(&self, node: Node) -> &[Node] {
        let at = node as usize;
        match (self.starts.get(at), self.starts.get(at + 1)) {
            (Some(&start), Some(&end)) => {
                (self.entries.get(start as usize..end as usize)).unwrap_or_default()
            }
            _ => &[],
        }
    }
}

impl Graph {
    pub(super) fn new(types: &[Type]) -> Result<Self> {
        let targets = targets(types)?;
        let users = reverse(&targets);
        Ok(Self { targets, users })
    }

    /// What a type refers to, in the order of its encoding.
    pub(super) fn targets(&self, node: Node) -> &[Node] {
        self.targets.get(node)
    }

    /// What refers to a type, once per reference.
    pub(super) fn users(&self, node: Node) -> &[Node] {
        self.users.get(node)
    }
}

/// References between types are not counted by `BtfBuf`, which numbers types with 31 bits.
fn word(count: usize) -> Result<u32> {
    u32::try_from(count).map_err(|_| Error::Limit {
        what: "number of references between types",
        value: count as u64,
        limit: u64::from(u32::MAX),
    })
}

fn targets(types: &[Type]) -> Result<Table> {
    let last = word(types.len())?;
    let mut targets = Table::with_capacity(types.len() + 1, 3 * types.len());
    // `void` has an empty list.
    targets.end()?;
    for ty in types {
        let mut missing = None;
        ty.for_each_ref(|id| {
            if id.0 > last {
                missing = Some(id);
            }
            targets.push(id.0);
        });
        if let Some(ty) = missing {
            return Err(Error::NoSuchType { ty, last });
        }
        targets.end()?;
    }
    Ok(targets)
}

/// For each node those in whose lists it is, as often as it is there.
pub(super) fn reverse(targets: &Table) -> Table {
    let mut starts = vec![0; targets.starts.len() + 1];
    // Counted two places on, then summed up, each entry is the start of the list before it; filling
    // the lists moves the starts to where they belong.
    for &target in &targets.entries {
        if let Some(count) = starts.get_mut(target as usize + 2) {
            *count += 1;
        }
    }
    let mut sum = 0;
    for start in &mut starts {
        sum += *start;
        *start = sum;
    }
    let mut entries = vec![0; targets.entries.len()];
    for (node, bounds) in (0..).zip(targets.starts.windows(2)) {
        let [start, end] = *bounds else { continue };
        let list = targets.entries.get(start as usize..end as usize);
        for &target in list.unwrap_or_default() {
            if let Some(at) = starts.get_mut(target as usize + 1) {
                if let Some(entry) = entries.get_mut(*at as usize) {
                    *entry = node;
                }
                *at += 1;
            }
        }
    }
    starts.pop();
    Table { starts, entries }
}
