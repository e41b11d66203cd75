//! What to do about the attributes of entries, worked out once for each abbreviation.

use gimli::{DwAt, DwForm, DwTag, Encoding, Reader as _, constants as dw};

use crate::dwarf::sections::Slice;

/// What of an entry is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Name,
    /// `DW_AT_type`, or `DW_AT_discr` of a variant part.
    Type,
    Size,
    Location,
    Encoding,
    Count,
    UpperBound,
    ConstValue,
    DiscrValue,
    Language,
    StrOffsetsBase,
}

/// What to do about one attribute, or several.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// Passes over some bytes.
    Skip(u32),
    /// Passes over a value of a form that says how long it is.
    Measure(DwForm),
    /// Reads a value.
    Take(Field, DwForm),
    /// The value is this one, by its place in [`Plans::constants`].
    Constant(Field, u32),
}

/// What an entry is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The root of a unit.
    Unit,
    /// A namespace.
    Scope,
    /// A type, or a part of one.
    Kept,
    /// Nothing, as is all that is inside.
    Other,
}

/// The plan for the entries of one abbreviation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) tag: DwTag,
    pub(super) role: Role,
    pub(super) has_children: bool,
    first: u32,
    end: u32,
}

/// The plans of a table of abbreviations.
#[derive(Debug, Default)]
pub(super) struct Plans {
    /// By code, from 1 on, as compilers number them.
    list: Vec<Plan>,
    /// Those with other codes, in the order of these.
    others: Vec<(u64, Plan)>,
    steps: Vec<Step>,
    constants: Vec<i64>,
}

impl Plans {
    /// Reads a table, which ends where it does not go on. With `anchors`, variables and parameters
    /// are kept too.
    pub(super) fn read(table: Slice<'_>, encoding: Encoding, anchors: bool) -> gimli::Result<Self> {
        let mut table = table;
        let mut out = Self::default();
        while !table.is_empty() {
            let code = table.read_uleb128()?;
            if code == 0 {
                break;
            }
            let tag = DwTag(table.read_uleb128_u16()?);
            let has_children = table.read_u8()? != 0;
            let role = role(tag, anchors);
            let first = len(&out.steps);
            // Constants take no bytes of an entry: one of each kind bounds what an entry takes.
            let mut constants: Vec<Field> = Vec::new();
            loop {
                let name = DwAt(table.read_uleb128_u16()?);
                let form = DwForm(table.read_uleb128_u16()?);
                if (name.0, form.0) == (0, 0) {
                    break;
                }
                let field = field(role, tag, name);
                if form == dw::DW_FORM_implicit_const {
                    let value = table.read_sleb128()?;
                    if let Some(field) = field
                        && !constants.contains(&field)
                    {
                        constants.push(field);
                        out.steps.push(Step::Constant(field, len(&out.constants)));
                        out.constants.push(value);
                    }
                } else if let Some(field) = field {
                    out.steps.push(Step::Take(field, form));
                } else {
                    out.pass(first, form, encoding);
                }
            }
            let plan = Plan {
                tag,
                role,
                has_children,
                first,
                end: len(&out.steps),
            };
            if code == out.list.len() as u64 + 1 {
                out.list.push(plan);
            } else {
                out.others.push((code, plan));
            }
        }
        out.others.sort_by_key(|(code, _)| *code);
        Ok(out)
    }

    /// Adds a step that passes over a value, to the last one if that does so too.
    fn pass(&mut self, first: u32, form: DwForm, encoding: Encoding) {
        let Some(bytes) = size(form, encoding) else {
            return self.steps.push(Step::Measure(form));
        };
        let is_first = len(&self.steps) == first;
        match self.steps.last_mut().filter(|_| !is_first) {
            Some(Step::Skip(before)) => *before = before.saturating_add(bytes),
            _ if bytes > 0 => self.steps.push(Step::Skip(bytes)),
            _ => {}
        }
    }

    /// The plan of the next entry; `None` for the end of some entry's children.
    #[inline]
    pub(super) fn next(&self, rest: &mut Slice<'_>) -> gimli::Result<Option<Plan>> {
        let code = rest.read_uleb128()?;
        let Some(at) = code.checked_sub(1) else {
            return Ok(None);
        };
        let plan = usize::try_from(at).ok().and_then(|at| self.list.get(at));
        if let Some(plan) = plan {
            return Ok(Some(*plan));
        }
        let other = self.others.binary_search_by_key(&code, |(code, _)| *code);
        let other = other.ok().and_then(|at| self.others.get(at));
        let unknown = gimli::Error::InvalidAbbreviationCode(code);
        other.map(|(_, plan)| Some(*plan)).ok_or(unknown)
    }

    #[inline]
    pub(super) fn steps(&self, plan: &Plan) -> &[Step] {
        let steps = self.steps.get(plan.first as usize..plan.end as usize);
        steps.unwrap_or_default()
    }

    /// The value of a [`Step::Constant`].
    pub(super) fn constant(&self, at: u32) -> i64 {
        self.constants.get(at as usize).copied().unwrap_or_default()
    }

    /// Passes over all that is inside of an entry whose attributes have been read.
    pub(super) fn skip_children(
        &self,
        rest: &mut Slice<'_>,
        encoding: Encoding,
    ) -> gimli::Result<()> {
        let mut open = 1_u64;
        // A damaged unit may end before its last entries do.
        while open > 0 && !rest.is_empty() {
            match self.next(rest)? {
                None => open -= 1,
                Some(plan) => {
                    self.skip(&plan, rest, encoding)?;
                    open += u64::from(plan.has_children);
                }
            }
        }
        Ok(())
    }

    /// Passes over the attributes of an entry.
    #[inline]
    pub(super) fn skip(
        &self,
        plan: &Plan,
        rest: &mut Slice<'_>,
        encoding: Encoding,
    ) -> gimli::Result<()> {
        for step in self.steps(plan) {
            match step {
                Step::Skip(bytes) => rest.skip(*bytes as usize)?,
                Step::Measure(form) | Step::Take(_, form) => skip_value(rest, *form, encoding)?,
                Step::Constant(..) => {}
            }
        }
        Ok(())
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "sections have less than 2^31 bytes"
)]
fn len<T>(list: &[T]) -> u32 {
    list.len() as u32
}

/// What entries of a tag are to us. With `anchors`, variables and parameters are kept too.
///
/// Types are never inside functions: a function that has some also has a namespace.
pub(super) fn role(tag: DwTag, anchors: bool) -> Role {
    match tag {
        dw::DW_TAG_compile_unit => Role::Unit,
        dw::DW_TAG_namespace => Role::Scope,
        dw::DW_TAG_structure_type
        | dw::DW_TAG_union_type
        | dw::DW_TAG_enumeration_type
        | dw::DW_TAG_enumerator
        | dw::DW_TAG_base_type
        | dw::DW_TAG_pointer_type
        | dw::DW_TAG_subroutine_type
        | dw::DW_TAG_array_type
        | dw::DW_TAG_subrange_type
        | dw::DW_TAG_member
        | dw::DW_TAG_variant_part
        | dw::DW_TAG_variant
        | dw::DW_TAG_template_type_parameter => Role::Kept,
        dw::DW_TAG_formal_parameter | dw::DW_TAG_variable if anchors => Role::Kept,
        _ => Role::Other,
    }
}

/// What is read of an attribute.
fn field(role: Role, tag: DwTag, name: DwAt) -> Option<Field> {
    match role {
        Role::Unit => match name {
            dw::DW_AT_language => Some(Field::Language),
            dw::DW_AT_str_offsets_base => Some(Field::StrOffsetsBase),
            _ => None,
        },
        Role::Scope => (name == dw::DW_AT_name).then_some(Field::Name),
        Role::Kept => kept_field(tag, name),
        Role::Other => None,
    }
}

/// What is read of an attribute of a type, or of a part of one.
fn kept_field(tag: DwTag, name: DwAt) -> Option<Field> {
    let (is_subrange, is_part) = (
        tag == dw::DW_TAG_subrange_type,
        tag == dw::DW_TAG_variant_part,
    );
    match name {
        dw::DW_AT_name => (tag != dw::DW_TAG_template_type_parameter).then_some(Field::Name),
        dw::DW_AT_type => (!is_part && !is_subrange).then_some(Field::Type),
        dw::DW_AT_discr => is_part.then_some(Field::Type),
        dw::DW_AT_data_member_location => (tag == dw::DW_TAG_member).then_some(Field::Location),
        dw::DW_AT_const_value => (tag == dw::DW_TAG_enumerator).then_some(Field::ConstValue),
        dw::DW_AT_discr_value => (tag == dw::DW_TAG_variant).then_some(Field::DiscrValue),
        dw::DW_AT_count => is_subrange.then_some(Field::Count),
        dw::DW_AT_upper_bound => is_subrange.then_some(Field::UpperBound),
        dw::DW_AT_encoding => (tag == dw::DW_TAG_base_type).then_some(Field::Encoding),
        dw::DW_AT_byte_size => matches!(
            tag,
            dw::DW_TAG_structure_type
                | dw::DW_TAG_union_type
                | dw::DW_TAG_enumeration_type
                | dw::DW_TAG_base_type
                | dw::DW_TAG_pointer_type
        )
        .then_some(Field::Size),
        _ => None,
    }
}

/// Bytes of every value of a form, `None` if they differ.
fn size(form: DwForm, encoding: Encoding) -> Option<u32> {
    let size = match form {
        dw::DW_FORM_flag_present | dw::DW_FORM_implicit_const => 0,
        dw::DW_FORM_data1
        | dw::DW_FORM_ref1
        | dw::DW_FORM_flag
        | dw::DW_FORM_strx1
        | dw::DW_FORM_addrx1 => 1,
        dw::DW_FORM_data2 | dw::DW_FORM_ref2 | dw::DW_FORM_strx2 | dw::DW_FORM_addrx2 => 2,
        dw::DW_FORM_strx3 | dw::DW_FORM_addrx3 => 3,
        dw::DW_FORM_data4
        | dw::DW_FORM_ref4
        | dw::DW_FORM_strx4
        | dw::DW_FORM_addrx4
        | dw::DW_FORM_ref_sup4 => 4,
        dw::DW_FORM_data8 | dw::DW_FORM_ref8 | dw::DW_FORM_ref_sig8 | dw::DW_FORM_ref_sup8 => 8,
        dw::DW_FORM_data16 => 16,
        dw::DW_FORM_addr => encoding.address_size,
        dw::DW_FORM_ref_addr if encoding.version < 3 => encoding.address_size,
        dw::DW_FORM_ref_addr
        | dw::DW_FORM_sec_offset
        | dw::DW_FORM_strp
        | dw::DW_FORM_line_strp
        | dw::DW_FORM_strp_sup
        | dw::DW_FORM_GNU_strp_alt
        | dw::DW_FORM_GNU_ref_alt => encoding.format.word_size(),
        _ => return None,
    };
    Some(size.into())
}

/// Passes over a value.
#[inline]
pub(super) fn skip_value(
    rest: &mut Slice<'_>,
    form: DwForm,
    encoding: Encoding,
) -> gimli::Result<()> {
    if let Some(bytes) = size(form, encoding) {
        return rest.skip(bytes as usize);
    }
    match form {
        dw::DW_FORM_exprloc | dw::DW_FORM_block => {
            let bytes = rest.read_uleb128()?;
            skip_bytes(rest, bytes)
        }
        dw::DW_FORM_block1 => {
            let bytes = rest.read_u8()?;
            skip_bytes(rest, bytes.into())
        }
        dw::DW_FORM_block2 => {
            let bytes = rest.read_u16()?;
            skip_bytes(rest, bytes.into())
        }
        dw::DW_FORM_block4 => {
            let bytes = rest.read_u32()?;
            skip_bytes(rest, bytes.into())
        }
        dw::DW_FORM_string => rest.read_null_terminated_slice().map(|_| ()),
        dw::DW_FORM_indirect => {
            let form = direct(rest)?;
            skip_value(rest, form, encoding)
        }
        dw::DW_FORM_udata
        | dw::DW_FORM_sdata
        | dw::DW_FORM_ref_udata
        | dw::DW_FORM_strx
        | dw::DW_FORM_addrx
        | dw::DW_FORM_loclistx
        | dw::DW_FORM_rnglistx
        | dw::DW_FORM_GNU_addr_index
        | dw::DW_FORM_GNU_str_index => rest.skip_leb128(),
        _ => Err(gimli::Error::UnknownForm(form)),
    }
}

/// The form of a value that says its own, which is not one that does so again.
pub(super) fn direct(rest: &mut Slice<'_>) -> gimli::Result<DwForm> {
    let form = DwForm(rest.read_uleb128_u16()?);
    match form {
        dw::DW_FORM_indirect | dw::DW_FORM_implicit_const => Err(gimli::Error::UnknownForm(form)),
        form => Ok(form),
    }
}

fn skip_bytes(rest: &mut Slice<'_>, bytes: u64) -> gimli::Result<()> {
    let end = gimli::Error::UnexpectedEof(rest.offset_id());
    rest.skip(usize::try_from(bytes).map_err(|_| end)?)
}
