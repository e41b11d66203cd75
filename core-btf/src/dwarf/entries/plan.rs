//! What to do with each attribute of an entry, worked out once for each abbreviation.

use std::collections::HashMap;

use gimli::{Abbreviations, DwAt, DwTag, Encoding};

use super::attrs::Slot;
use super::meaning::step;

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

/// The plans of a table of abbreviations, each made when it is asked for.
#[derive(Debug)]
pub(super) struct Plans {
    abbreviations: Abbreviations,
    encoding: Encoding,
    /// By the code of the abbreviation, if it is near to others.
    list: Vec<Option<Plan>>,
    others: HashMap<u64, Plan>,
    steps: Vec<Step>,
}

impl Plans {
    pub(super) fn new(abbreviations: Abbreviations, encoding: Encoding) -> Self {
        Self {
            abbreviations,
            encoding,
            list: Vec::new(),
            others: HashMap::new(),
            steps: Vec::new(),
        }
    }

    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The plan of the abbreviation with a code other than 0.
    #[inline]
    pub(super) fn get(&mut self, code: u64) -> gimli::Result<Plan> {
        let at = usize::try_from(code).unwrap_or(usize::MAX);
        match self.list.get(at) {
            Some(Some(plan)) => Ok(*plan),
            _ => self.make(code),
        }
    }

    #[cold]
    fn make(&mut self, code: u64) -> gimli::Result<Plan> {
        if let Some(plan) = self.others.get(&code) {
            return Ok(*plan);
        }
        let unknown = gimli::Error::InvalidAbbreviationCode(code);
        let abbreviation = self.abbreviations.get(code).ok_or(unknown)?;
        let read = self.steps.len();
        let specs = abbreviation.attributes().iter();
        let steps: Vec<Step> = specs.map(|spec| step(*spec, self.encoding)).collect();
        for step in &steps {
            push(&mut self.steps, read, *step);
        }
        let pass = self.steps.len();
        for step in steps {
            let action = Action::Pass;
            push(&mut self.steps, pass, Step { action, ..step });
        }
        let word = |at| u32::try_from(at).unwrap_or(u32::MAX);
        let plan = Plan {
            tag: abbreviation.tag(),
            has_children: abbreviation.has_children(),
            read: (word(read), word(pass)),
            pass: (word(pass), word(self.steps.len())),
        };
        let room = 2 * self.list.len() + GAP;
        if let Some(at) = usize::try_from(code).ok().filter(|at| *at < room) {
            self.list.resize(self.list.len().max(at + 1), None);
            if let Some(place) = self.list.get_mut(at) {
                *place = Some(plan);
            }
        } else {
            self.others.insert(code, plan);
        }
        Ok(plan)
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
    use gimli::{DebugAbbrev, DebugAbbrevOffset, Encoding, Format, LittleEndian};

    use super::Plans;

    /// A few bytes can have an abbreviation of any number.
    #[test]
    fn a_high_code_takes_little_memory() {
        let table = DebugAbbrev::new(&[0xff, 0x1f, 0x11, 0, 0, 0, 0], LittleEndian);
        let encoding = Encoding {
            address_size: 8,
            format: Format::Dwarf32,
            version: 5,
        };
        let mut plans = Plans::new(table.abbreviations(DebugAbbrevOffset(0)).unwrap(), encoding);
        assert_eq!(plans.get(0xfff).unwrap().tag.0, 0x11);
        assert_eq!(plans.get(0xfff).unwrap().tag.0, 0x11);
        assert!(plans.get(1).is_err());
        assert!(plans.list.len() < 100);
    }
}
