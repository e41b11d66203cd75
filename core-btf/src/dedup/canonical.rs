//! From classes to the types that stay.

use super::graph::{Graph, Node};
use super::partition::Partition;
use super::shape;
use crate::error::Result;
use crate::model::TypeId;
use crate::write::BtfBuf;

/// Merges types that are the same; see the [module](super) for which are.
///
/// # Errors
/// [`Error::NoSuchType`](crate::Error::NoSuchType) for a reference to a type that is not there.
pub fn dedup(types: BtfBuf) -> Result<BtfBuf> {
    dedup_with_map(types).map(|(types, _)| types)
}

/// Like [`dedup`], and gives the new id of every old one, `void` included.
///
/// # Errors
/// As [`dedup`].
pub fn dedup_with_map(mut btf: BtfBuf) -> Result<(BtfBuf, Vec<TypeId>)> {
    let types = btf.types();
    let graph = Graph::new(types)?;
    let shapes = shape::shapes(types);
    let mut announcements = vec![false];
    announcements.extend(types.iter().map(shape::is_announcement));
    let mut partition = Partition::new(shape::names(types, &shapes));
    partition.refine(&graph, &shapes, &announcements);

    let survivors = survivors(&partition, &announcements);
    let mut new_ids = vec![TypeId::VOID; partition.len()];
    let mut kept = vec![false; announcements.len()];
    let mut next = 1;
    for (node, kept) in (0..).zip(&mut kept).skip(1) {
        let class = partition.class(node) as usize;
        if survivors.get(class) == Some(&node) {
            *kept = true;
            if let Some(id) = new_ids.get_mut(class) {
                *id = TypeId(next);
            }
            next += 1;
        }
    }
    let new_id = |old: TypeId| {
        let class = partition.class(old.0) as usize;
        new_ids.get(class).copied().unwrap_or_default()
    };
    let mut kept = kept.into_iter().skip(1);
    let mut types = btf.take_types();
    types.retain(|_| kept.next().unwrap_or_default());
    for ty in &mut types {
        ty.for_each_ref_mut(|id| *id = new_id(*id));
    }
    btf.put_types(types);
    let map = (0..)
        .zip(&announcements)
        .map(|(node, _)| new_id(TypeId(node)));
    Ok((btf, map.collect()))
}

/// For each class its first definition, or its first announcement if it has none.
fn survivors(partition: &Partition, announcements: &[bool]) -> Vec<Node> {
    let mut survivors = vec![0; partition.len()];
    for wanted in [false, true] {
        for (node, &announces) in (0..).zip(announcements).skip(1) {
            match survivors.get_mut(partition.class(node) as usize) {
                Some(survivor) if *survivor == 0 && announces == wanted => *survivor = node,
                _ => {}
            }
        }
    }
    survivors
}
