//! What to do with each attribute of an entry, worked out once for each abbreviation.

use std::collections::HashMap;

use gimli::{DwAt, DwTag, Encoding, constants as dw};

use super::attrs::Slot;
use super::meaning::step;
use crate::dwarf::abbrev::{Declaration, declaration};
use crate::dwarf::sections::Slice;
use crate::dwarf::units::Table;
use crate::hash::{Seed, Slots};

/// How far a code may be beyond those in the list to have a place there; compilers count from 1.
const GAP: usize = 64;

/// How an attribute's value is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Not at all: the step has it.
    Implied,
    /// In as many bytes as the step says, whose value does not matter.
    Bytes,
    U8,
    U16,
    U24,
    U32,
    U64,
    U128,
    Uleb,
    Sleb,
    Block1,
    Block2,
    Block4,
    BlockUleb,
    /// A name that ends with NUL.
    Inline,
    /// Its form comes before it.
    Indirect,
    /// In a form that is not known.
    Unknown,
}

/// What becomes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Pass,
    /// It is a number, whose sign is that of its form.
    Number,
    /// It is a number, and one below zero is not understood.
    Unsigned,
    /// It is a number of one byte.
    Byte,
    /// It says whether something is so.
    Flag,
    /// That it is there says all.
    Present,
    /// It is not understood, which matters.
    Odd,
    /// It is where an entry is: in the unit, in the section, in the alternate file, or by signature.
    UnitRef,
    InfoRef,
    AlternateRef,
    Signature,
    /// An entry that is nowhere.
    Nowhere,
    /// A number, or an expression that adds one.
    Location,
    /// The value of a variant's tag.
    Discriminant,
    /// The entry's name, or another text.
    Name(Place),
    Text(Place),
}

/// Where the bytes of a name are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// `.debug_str`
    Str,
    /// `.debug_line_str`
    LineStr,
    /// `.debug_str` of the alternate file.
    AlternateStr,
    /// `.debug_str`, at an offset that `.debug_str_offsets` has.
    Index,
    /// In the entry.
    Inline,
}

/// What to do with one attribute, or with several that do not matter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) form: Form,
    pub(super) action: Action,
    /// What the value is stored as.
    pub(super) slot: Slot,
    /// Whether the form is of signed numbers.
    pub(super) signed: bool,
    pub(super) attribute: DwAt,
    /// The value that is [`Form::Implied`], or the number of [`Form::Bytes`].
    pub(super) value: u64,
}

impl Step {
    /// The same, without a look at the value.
    fn passing(self) -> Self {
        let action = Action::Pass;
        Self { action, ..self }
    }
}

/// Whether there are no types inside of such entries: they say where the code of a function went that
/// another entry describes, or what is passed in a call. Most entries of optimised code are such.
pub(in crate::dwarf) fn is_expanded_code(tag: DwTag) -> bool {
    matches!(
        tag,
        dw::DW_TAG_inlined_subroutine | dw::DW_TAG_call_site | dw::DW_TAG_GNU_call_site
    )
}

/// How to read the entries of an abbreviation.
#[derive(Clone, Copy, Debug)]
pub(in crate::dwarf) struct Plan {
    pub(in crate::dwarf) tag: DwTag,
    pub(in crate::dwarf) has_children: bool,
    /// Where in [`Plans::steps`] those are that read the attributes.
    read: (u32, u32),
    /// And those that pass them over.
    pass: (u32, u32),
}

/// The plans of the unit that a thread reads, and those of all abbreviations that it has met: most
/// units declare anew what others have.
#[derive(Debug, Default)]
pub(in crate::dwarf) struct Plans<'a> {
    /// The table of the unit, and what the forms in it depend on.
    of: Option<(Table, Encoding)>,
    /// By the code of the abbreviation, if it is near to others.
    list: Vec<Option<Plan>>,
    others: HashMap<u64, Plan>,
    /// All plans for this encoding, and the abbreviations they are for.
    known: Vec<(&'a [u8], Plan)>,
    /// Numbers of them, from 1.
    slots: Slots,
    seed: Seed,
    steps: Vec<Step>,
}

impl<'a> Plans<'a> {
    /// Makes the plans those of the table whose bytes are `table`.
    pub(super) fn open(
        &mut self,
        of: Table,
        encoding: Encoding,
        table: Slice<'a>,
    ) -> gimli::Result<()> {
        if self.of == Some((of, encoding)) {
            return Ok(());
        }
        if self.of.take().is_none_or(|(_, before)| before != encoding) {
            self.known.clear();
            self.slots = Slots::default();
            self.steps.clear();
        }
        self.list.clear();
        self.others.clear();
        let mut rest = table;
        while let Some(declaration) = declaration(&mut rest)? {
            let plan = self.plan(&declaration, encoding);
            self.enter(declaration.code, plan)?;
        }
        self.of = Some((of, encoding));
        Ok(())
    }

    /// The plan for the entries of an abbreviation.
    fn plan(&mut self, declaration: &Declaration<'a>, encoding: Encoding) -> Plan {
        let hash = self.seed.bytes(declaration.bytes);
        let known = |number: u32| self.known.get(number as usize - 1);
        let found = self.slots.find(hash, |number| {
            known(number).is_some_and(|(bytes, _)| *bytes == declaration.bytes)
        });
        if let Some((_, plan)) = found.and_then(known) {
            return *plan;
        }
        let plan = self.make(declaration, encoding);
        self.known.push((declaration.bytes, plan));
        self.slots.insert(hash, word(self.known.len()));
        plan
    }

    fn make(&mut self, declaration: &Declaration<'_>, encoding: Encoding) -> Plan {
        let only_place = is_expanded_code(declaration.tag);
        let steps = || {
            declaration.attributes().map(|spec| {
                let step = step(spec, encoding);
                if (step.slot == Slot::Sibling) == only_place {
                    step
                } else {
                    step.passing()
                }
            })
        };
        let read = self.steps.len();
        for step in steps() {
            push(&mut self.steps, read, step);
        }
        let pass = self.steps.len();
        for step in steps() {
            push(&mut self.steps, pass, step.passing());
        }
        Plan {
            tag: declaration.tag,
            has_children: declaration.has_children,
            read: (word(read), word(pass)),
            pass: (word(pass), word(self.steps.len())),
        }
    }

    /// Says which plan an abbreviation's code stands for.
    fn enter(&mut self, code: u64, plan: Plan) -> gimli::Result<()> {
        let room = 2 * self.list.len() + GAP;
        let before = match usize::try_from(code) {
            Ok(at) if at < room => {
                self.list.resize(self.list.len().max(at + 1), None);
                let place = self.list.get_mut(at);
                place.and_then(|place| place.replace(plan))
            }
            _ => self.others.insert(code, plan),
        };
        match before {
            None => Ok(()),
            Some(_) => Err(gimli::Error::DuplicateAbbreviationCode(code)),
        }
    }

    /// The plan of the abbreviation with a code other than 0.
    #[inline]
    pub(super) fn get(&self, code: u64) -> gimli::Result<Plan> {
        let at = usize::try_from(code).unwrap_or(usize::MAX);
        match self.list.get(at) {
            Some(Some(plan)) => Ok(*plan),
            _ => self.other(code),
        }
    }

    #[cold]
    fn other(&self, code: u64) -> gimli::Result<Plan> {
        let unknown = gimli::Error::InvalidAbbreviationCode(code);
        self.others.get(&code).copied().ok_or(unknown)
    }

    /// The steps that read the attributes of an entry.
    #[inline]
    pub(super) fn to_read(&self, plan: Plan) -> &[Step] {
        self.range(plan.read)
    }

    /// The steps that pass them over.
    #[inline]
    pub(super) fn to_pass(&self, plan: Plan) -> &[Step] {
        self.range(plan.pass)
    }

    #[inline]
    fn range(&self, (start, end): (u32, u32)) -> &[Step] {
        let steps = self.steps.get(start as usize..end as usize);
        steps.unwrap_or_default()
    }
}

/// Each abbreviation and each step has two bytes at least, of a section of less than 2^31.
fn word(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Adds a step to those from `start` on; passing over several attributes of a fixed size is one.
fn push(steps: &mut Vec<Step>, start: usize, step: Step) {
    let bytes = match (step.action, step.form) {
        (Action::Pass, Form::Implied) => return,
        (Action::Pass, form) => fixed(form, step.value),
        _ => None,
    };
    let Some(bytes) = bytes else {
        return steps.push(step);
    };
    match steps.get_mut(start..).and_then(<[_]>::last_mut) {
        Some(last) if last.form == Form::Bytes && last.attribute == PASSED => last.value += bytes,
        _ => steps.push(Step {
            form: Form::Bytes,
            attribute: PASSED,
            value: bytes,
            ..step
        }),
    }
}

/// The attribute of steps that pass over several.
const PASSED: DwAt = DwAt(0);

/// The number of bytes of a form that has always the same.
pub(super) fn fixed(form: Form, value: u64) -> Option<u64> {
    Some(match form {
        Form::Implied => 0,
        Form::Bytes => value,
        Form::U8 => 1,
        Form::U16 => 2,
        Form::U24 => 3,
        Form::U32 => 4,
        Form::U64 => 8,
        Form::U128 => 16,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use gimli::{Encoding, EndianSlice, Error, Format, RunTimeEndian};

    use super::{Plans, Table};

    fn open<'a>(plans: &mut Plans<'a>, table: &'a [u8], offset: usize) -> gimli::Result<()> {
        let encoding = Encoding {
            address_size: 8,
            format: Format::Dwarf32,
            version: 5,
        };
        let table = EndianSlice::new(table, RunTimeEndian::Little);
        plans.open(Table::at(offset), encoding, table)
    }

    /// A few bytes can have an abbreviation of any number.
    #[test]
    fn a_high_code_takes_little_memory() {
        let mut plans = Plans::default();
        open(&mut plans, &[0xff, 0x1f, 0x11, 0, 0, 0, 0], 0).unwrap();
        assert_eq!(plans.get(0xfff).unwrap().tag.0, 0x11);
        assert!(plans.get(1).is_err());
        assert!(plans.list.len() < 100);
    }

    /// What the tables of units have in common is worked out once, whatever its codes.
    #[test]
    fn tables_share_plans() {
        let mut plans = Plans::default();
        open(
            &mut plans,
            &[1, 0x11, 1, 3, 8, 0, 0, 2, 0x24, 0, 3, 8, 0, 0, 0],
            0,
        )
        .unwrap();
        open(
            &mut plans,
            &[1, 0x24, 0, 3, 8, 0, 0, 3, 0x13, 1, 3, 8, 0, 0, 0],
            15,
        )
        .unwrap();
        let tags = [1, 2, 3].map(|code| plans.get(code).ok().map(|plan| plan.tag.0));
        assert_eq!(tags, [Some(0x24), None, Some(0x13)]);
        assert_eq!(plans.known.len(), 3);
    }

    #[test]
    fn a_code_stands_for_one_abbreviation() {
        for code in [1, 0x7f] {
            let table = [code, 0x11, 0, 0, 0, code, 0x24, 0, 0, 0, 0];
            let error = open(&mut Plans::default(), &table, 0).unwrap_err();
            assert_eq!(error, Error::DuplicateAbbreviationCode(code.into()));
        }
    }
}
