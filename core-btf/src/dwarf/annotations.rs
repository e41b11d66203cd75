//! `btf_decl_tag` and `btf_type_tag`: what a C source notes on declarations and on pointed-to types.
//!
//! clang writes a note as a child of what it is on, gcc (from 16 on) as an entry that a reference from
//! there leads to, and from that to the next. Both have the last note of a type first in BTF: a pointer
//! to `int` with `a` and then `b` is PTR, `TYPE_TAG` b, `TYPE_TAG` a, INT.

use gimli::{DwAt, DwTag};

use super::collect::{Collected, Meaning, local};
use super::entries::{Attrs, Entries, Slot};
use super::error::Error;
use super::types::Frame;
use super::units::Key;
use crate::model::{NameOffset, Type, TypeId};

/// clang's entry, `DW_TAG_LLVM_annotation`.
pub(super) const ENTRY: DwTag = DwTag(0x6000);
/// gcc's reference, `DW_AT_GNU_annotation`.
pub(super) const REFERENCE: DwAt = DwAt(0x2139);
/// Most notes on one thing that are followed.
const MAX_NOTES: usize = 32;

/// What a note is on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Owner {
    /// A pointer, whose notes are about what it points to.
    Pointer(TypeId),
    /// A struct, union, typedef or function.
    Whole(TypeId),
    /// A member, by its number in the order of the entries, or a parameter.
    Part(TypeId, usize),
}

/// A note.
#[derive(Clone, Copy, Debug)]
struct Note<'a> {
    is_type: bool,
    text: &'a [u8],
}

impl<'a> Note<'a> {
    fn new(attrs: &Attrs<'a>) -> Option<Self> {
        let is_type = match attrs.name_bytes() {
            b"btf_decl_tag" => false,
            b"btf_type_tag" => true,
            _ => return None,
        };
        let text = attrs.text(Slot::Text)?.bytes();
        Some(Self { is_type, text })
    }

    fn name(&self, out: &Collected<'_>) -> Result<NameOffset, Error> {
        Ok(out.names.intern(&String::from_utf8_lossy(self.text))?)
    }
}

/// Adds the note that is a child of what `frame` is of.
pub(super) fn child(
    out: &mut Collected<'_>,
    frame: &Frame,
    key: Key,
    attrs: &Attrs<'_>,
) -> Result<(), Error> {
    match (frame.owner(), Note::new(attrs)) {
        (Some(owner), Some(note)) => add(out, owner, key, note),
        _ => Ok(()),
    }
}

/// Adds the notes that an entry refers to.
pub(super) fn referred(
    out: &mut Collected<'_>,
    frame: &Frame,
    key: Key,
    attrs: &Attrs<'_>,
    entries: &mut Entries<'_, '_>,
) -> Result<(), Error> {
    let mut notes = Vec::new();
    let mut next = attrs.key(Slot::Annotation);
    while let Some(at) = next.take()
        && notes.len() < MAX_NOTES
        // A reference that leads nowhere is no reason to give the type up.
        && let Some(attrs) = entries.at(at)
    {
        notes.extend(Note::new(&attrs));
        next = attrs.key(Slot::Annotation);
    }
    // Each goes between the entry and what is there already, so the innermost comes first.
    for note in notes.into_iter().rev() {
        match frame.owner() {
            Some(owner @ Owner::Pointer(_)) => add(out, owner, key, note)?,
            _ if note.is_type => tag_meaning(out, key, note)?,
            Some(owner) => add(out, owner, key, note)?,
            None => {}
        }
    }
    Ok(())
}

fn add(out: &mut Collected<'_>, owner: Owner, key: Key, note: Note<'_>) -> Result<(), Error> {
    let name = note.name(out)?;
    let (ty, component) = match owner {
        Owner::Pointer(pointer) if note.is_type => {
            let Some(Type::Ptr(pointee)) = out.types.get(pointer) else {
                return Ok(());
            };
            let tag = Type::TypeTag {
                name,
                ty: *pointee,
                attribute: false,
            };
            let tag = out.push(key, tag)?;
            if let Some(Type::Ptr(pointee)) = out.types.get_mut(pointer) {
                *pointee = local(tag);
            }
            return Ok(());
        }
        Owner::Whole(ty) if !note.is_type => (ty, -1),
        Owner::Part(ty, number) if !note.is_type => match i32::try_from(number) {
            Ok(number) => (ty, number),
            Err(_) => return Ok(()),
        },
        _ => return Ok(()),
    };
    let is_member = matches!(out.types.get(ty), Some(Type::Composite { .. })) && component >= 0;
    let tag = Type::DeclTag {
        name,
        ty: local(ty),
        component,
        attribute: false,
    };
    let tag = out.push(key, tag)?;
    if is_member {
        out.member_tags.push(tag);
    }
    Ok(())
}

/// Lets references to the entry at `key` lead to a note on it: gcc has notes on types themselves.
fn tag_meaning(out: &mut Collected<'_>, key: Key, note: Note<'_>) -> Result<(), Error> {
    let name = note.name(out)?;
    let ty = match out.meanings.last() {
        Some((last, Meaning::Type(ty))) if *last == key && !ty.is_void() => local(*ty),
        _ => return Ok(()),
    };
    let tag = Type::TypeTag {
        name,
        ty,
        attribute: false,
    };
    let tag = out.push(key, tag)?;
    if let Some((_, meaning)) = out.meanings.last_mut() {
        *meaning = Meaning::Type(tag);
    }
    Ok(())
}

/// Gives the notes on members, from number `first` of those not settled yet, the numbers that
/// `place` says; one without a number is forgotten.
pub(super) fn settle(
    out: &mut Collected<'_>,
    first: usize,
    place: impl Fn(usize) -> Option<usize>,
) {
    for tag in out.member_tags.split_off(first.min(out.member_tags.len())) {
        let Some(tag) = out.types.get_mut(tag) else {
            continue;
        };
        if let Type::DeclTag { component, .. } = tag {
            let to = usize::try_from(*component).ok().and_then(&place);
            match to.and_then(|to| i32::try_from(to).ok()) {
                Some(to) => *component = to,
                // Nothing refers to this.
                None => *tag = Type::Ptr(TypeId::VOID),
            }
        }
    }
}
