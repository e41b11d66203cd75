//! Where the compiler puts members, and what it must be told so that it puts them right.

/// A member, or rather what of it counts for the layout. Offsets and sizes are in bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) offset: u64,
    /// Width of a bitfield, size of anything else.
    pub(super) size: u64,
    /// Alignment of the type.
    pub(super) align: u64,
    pub(super) bitfield: bool,
    /// Whether the alignment is certain, which that of another struct is not: BTF does not say
    /// that a struct is packed when its members happen to be aligned all the same.
    pub(super) scalar: bool,
}

impl Field {
    const fn end(&self) -> u64 {
        self.offset.saturating_add(self.size)
    }

    /// Whether it is not within the first `size` bits, or starts inside a byte without being a
    /// bitfield.
    pub(super) const fn is_outside(&self, size: u64) -> bool {
        self.end() > size || (!self.bitfield && !self.offset.is_multiple_of(8))
    }

    /// Whether the compiler can put it there without being told to pack. A bitfield's unit is as
    /// large as its alignment, and it never straddles two.
    const fn is_aligned(&self) -> bool {
        if self.bitfield {
            self.offset % self.align + self.size <= self.align
        } else {
            self.offset.is_multiple_of(self.align)
        }
    }

    /// Where the compiler puts it after `end`, the last bit taken.
    const fn natural_offset(&self, end: u64, packed: bool) -> u64 {
        match (self.bitfield, packed) {
            (true, true) => end,
            (true, false) if end % self.align + self.size <= self.align => end,
            (false, true) => end.next_multiple_of(8),
            (_, false) => end.next_multiple_of(self.align),
        }
    }
}

/// A piece of a struct's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Unnamed bits, from one bit up to another.
    Pad(u64, u64),
    /// The field of this index, packed by itself or not.
    Field { index: usize, packed: bool },
}

/// Largest alignment that is asked for, in bits: a page, as nothing in C has more.
const MAX_ALIGN: u64 = 8 * 4096;

/// Fields one after the other.
pub(super) type Lane = Vec<Step>;

/// How a struct or union is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Whether the whole is packed.
    pub(super) packed: bool,
    /// Alignment that the compiler gives the whole, in bits.
    pub(super) align: u64,
    /// Whether the compiler has to be told that alignment.
    pub(super) over_aligned: bool,
    pub(super) body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// A struct.
    Sequence(Lane),
    /// A union, or a struct with overlapping members. A lane of one field at offset 0 is that
    /// member, any other one a packed struct.
    Alternatives(Vec<Lane>),
}

/// A plan under which the compiler lays the fields out as they say. Every field lies within
/// `size` bits, only bitfields start inside a byte.
pub(super) fn plan(is_union: bool, fields: &[Field], size: u64) -> Plan {
    if is_union {
        let lanes = (0..).zip(fields).map(|(i, f)| lane(&[(i, *f)])).collect();
        return alternatives(lanes, fields, size);
    }
    if fields.is_sorted_by(|a, b| a.end() <= b.offset) {
        return sequence(fields, size);
    }
    let lanes = split(fields).iter().map(|fields| lane(fields)).collect();
    alternatives(lanes, fields, size)
}

fn sequence(fields: &[Field], size: u64) -> Plan {
    // Alignment with those members packed that are off their own.
    let align = (fields.iter())
        .filter(|f| f.is_aligned())
        .map(|f| f.align)
        .fold(8, u64::max);
    let packed = !size.is_multiple_of(align) || fields.iter().any(|f| f.scalar && !f.is_aligned());
    let align = if packed { 8 } else { align };
    let mut steps = Vec::with_capacity(fields.len());
    let end = place((0..).zip(fields.iter().copied()), packed, &mut steps);
    if end.next_multiple_of(align) != size {
        steps.push(Step::Pad(end, size));
    }
    Plan {
        packed,
        align,
        over_aligned: false,
        body: Body::Sequence(steps),
    }
}

/// Appends the fields and the padding between them, and returns where they end.
fn place(fields: impl IntoIterator<Item = (usize, Field)>, packed: bool, steps: &mut Lane) -> u64 {
    let mut end = 0;
    for (index, field) in fields {
        let alone = !packed && !field.is_aligned();
        if field.natural_offset(end, packed || alone) != field.offset {
            steps.push(Step::Pad(end, field.offset));
        }
        steps.push(Step::Field {
            index,
            packed: alone,
        });
        end = field.end();
    }
    end
}

/// Fields of an alternative: the one member if it starts at 0, else members of a packed struct.
fn lane(fields: &[(usize, Field)]) -> Lane {
    let mut steps = Vec::with_capacity(fields.len());
    place(fields.iter().copied(), true, &mut steps);
    steps
}

fn alternatives(mut lanes: Vec<Lane>, fields: &[Field], size: u64) -> Plan {
    let direct = || {
        lanes
            .iter()
            .filter_map(|lane| match lane.as_slice() {
                [Step::Field { index, .. }] => fields.get(*index),
                _ => None,
            })
            .copied()
    };
    let align = direct().map(|f| f.align).fold(8, u64::max);
    let packed = !size.is_multiple_of(align) || direct().any(|f| f.scalar && !f.is_aligned());
    let natural = if packed { 8 } else { align };
    let end = fields.iter().map(Field::end).fold(0, u64::max);
    // No padding makes a union larger, only alignment does, or one more alternative.
    let align = std::iter::successors(Some(natural), |align| Some(2 * align))
        .take_while(|&align| align <= MAX_ALIGN)
        .find(|&align| end.next_multiple_of(align) == size);
    if align.is_none() {
        lanes.push(vec![Step::Pad(0, size)]);
    }
    let align = align.unwrap_or(natural);
    Plan {
        packed,
        align,
        over_aligned: align != natural,
        body: Body::Alternatives(lanes),
    }
}

/// Spreads overlapping fields over as few alternatives as first fit finds.
fn split(fields: &[Field]) -> Vec<Vec<(usize, Field)>> {
    /// How many alternatives are tried for a field, so that nothing takes quadratic time.
    const TRIED: usize = 16;
    let mut lanes: Vec<Vec<(usize, Field)>> = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        let first = lanes.len().saturating_sub(TRIED);
        let free = lanes.iter_mut().skip(first).find(|lane| {
            lane.last()
                .is_none_or(|(_, last)| last.end() <= field.offset)
        });
        match free {
            Some(lane) => lane.push((index, *field)),
            None => lanes.push(vec![(index, *field)]),
        }
    }
    lanes
}
