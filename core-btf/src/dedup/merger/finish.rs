//! From what is stored to the types there are.

use super::super::graph::{Table, reverse};
use super::{Listing, Merger, SYMBOL, Symbol, get, set, word};
use crate::dedup::dedup;
use crate::error::Result;
use crate::model::{Type, TypeId};
use crate::strings::Strings;
use crate::write::BtfBuf;

impl Merger {
    /// For each type whether what it refers to depends on the part, directly or through others.
    fn varying(&self) -> Result<Vec<bool>> {
        let mut varying = vec![false; self.types.len() + 1];
        if !self.tags.iter().any(|tag| tag.ambiguous) {
            return Ok(varying);
        }
        let mut found = Vec::new();
        let mut targets = Table::with_capacity(varying.len(), 3 * varying.len());
        targets.end()?;
        for (number, ty) in (1..).zip(&self.types) {
            ty.for_each_ref(|to| match self.definition(to.0) {
                Some(definition) => targets.push(definition),
                None => found.push(number),
            });
            targets.end()?;
        }
        let users = reverse(&targets);
        while let Some(number) = found.pop() {
            let mark = varying.get_mut(number as usize);
            if mark.is_some_and(|mark| !std::mem::replace(mark, true)) {
                found.extend(users.get(number));
            }
        }
        Ok(varying)
    }

    /// The definition that a reference leads to: 0 for none, `None` if there are several.
    fn definition(&self, reference: u32) -> Option<u32> {
        if reference & SYMBOL == 0 {
            return Some(reference);
        }
        match self.symbols.get((reference & !SYMBOL) as usize) {
            Some(Symbol::Only(definition)) => Some(*definition),
            Some(Symbol::Tag(tag)) => {
                let tag = self.tags.get(*tag as usize);
                match tag {
                    Some(tag) if tag.ambiguous => None,
                    tag => Some(tag.map_or(0, |tag| tag.definition)),
                }
            }
            Some(Symbol::Announcement(_)) | None => Some(0),
        }
    }

    /// All types, each once, with their names, which are in `names`.
    ///
    /// # Errors
    /// [`Error::Limit`].
    pub(crate) fn finish(self, names: &Strings) -> Result<BtfBuf> {
        let varying = self.varying()?;
        let varies = |number: u32| varying.get(number as usize) == Some(&true);
        // Where types that do not vary go: to the first part that has them.
        let mut common = vec![0; self.types.len() + 1];
        let mut next = 1;
        for number in self.parts.iter().flat_map(Listing::iter) {
            if varies(number) {
                next = word(next as usize + 1)?;
            } else if get(&common, number) == 0 {
                set(&mut common, number as usize, next);
                next = word(next as usize + 1)?;
            }
        }

        let mut out: Vec<Type> = Vec::with_capacity(next as usize - 1);
        // Where types that vary are in this part, and which definitions it has.
        let mut here = vec![0; self.types.len() + 1];
        let mut defined = vec![(0, 0); self.tags.len()];
        let mut types = self.types;
        for (part, listed) in (1..).zip(&self.parts) {
            let mut next = word(out.len() + 1)?;
            for number in listed.iter() {
                if varies(number) {
                    set(&mut here, number as usize, next);
                    next += 1;
                } else if get(&common, number) == next {
                    next += 1;
                }
                let tag = (get(&self.tags_of, number - 1) as usize).checked_sub(1);
                if let Some(tag) = tag
                    && let Some(defined) = defined.get_mut(tag)
                    && defined.0 != part
                    && self
                        .tags
                        .get(tag)
                        .is_some_and(|tag| tag.announcement != number)
                {
                    *defined = (part, number);
                }
            }
            let place = |number: u32| {
                if varies(number) {
                    get(&here, number)
                } else {
                    get(&common, number)
                }
            };
            let resolve = |reference: u32| {
                if reference & SYMBOL == 0 {
                    return place(reference);
                }
                match self.symbols.get((reference & !SYMBOL) as usize) {
                    Some(Symbol::Only(number)) => place(*number),
                    Some(Symbol::Announcement(at)) => {
                        let tag = self.tags.get(*at as usize);
                        tag.map_or(0, |tag| get(&common, tag.announcement))
                    }
                    Some(Symbol::Tag(at)) => {
                        let Some(tag) = self.tags.get(*at as usize) else {
                            return 0;
                        };
                        let definition = tag.definition;
                        if definition != 0 && !tag.ambiguous && !varies(definition) {
                            return get(&common, definition);
                        }
                        match defined.get(*at as usize) {
                            Some((of, number)) if *of == part => place(*number),
                            _ => get(&common, tag.announcement),
                        }
                    }
                    None => 0,
                }
            };
            for number in listed.iter() {
                let Some(ty) = types.get_mut(number as usize - 1) else {
                    continue;
                };
                let mut ty = if varies(number) {
                    ty.clone()
                } else if out.len() + 1 == get(&common, number) as usize {
                    std::mem::replace(ty, Type::Ptr(TypeId::VOID))
                } else {
                    continue;
                };
                ty.for_each_ref_mut(|to| to.0 = resolve(to.0));
                out.push(ty);
            }
        }
        let merged = dedup(BtfBuf::from_types_and_names(out, Strings::new()))?;
        let (mut types, mut stored) = merged.into_types_and_names();
        stored.adopt(&mut types, names)?;
        Ok(BtfBuf::from_types_and_names(types, stored))
    }
}
