//! How each kind of entry becomes a BTF type.

use gimli::{DwTag, constants as dw};

use super::annotations::{self, Owner};
use super::arrays::{self, ArrayFrame};
use super::collect::{Collected, Function, Meaning, local};
use super::entries::{Attrs, Slot};
use super::error::{Error, Problem};
use super::members::{self, CompositeFrame};
use super::scalars::{self, EnumFrame};
use super::units::Key;
use crate::model::{CompositeKind, NameOffset, Param, Type, TypeId};
use crate::write::MAX_VLEN;

/// An entry whose children are being read.
#[derive(Debug)]
pub(super) enum Frame {
    /// Children are not parts of a type.
    Other,
    /// Children may be notes on this.
    Noted(Owner),
    /// A struct or union.
    Composite(CompositeFrame),
    /// An enum.
    Enum(EnumFrame),
    /// An array.
    Array(ArrayFrame),
    /// A function type.
    Proto {
        key: Key,
        ty: TypeId,
        /// The function, where it is not only a type.
        function: Option<TypeId>,
        /// Number of parameters of those around it.
        first_param: usize,
    },
}

impl Frame {
    /// Whether an entry with this tag is a part of the type, and not one of its own.
    pub(super) fn takes(&self, tag: DwTag) -> bool {
        match self {
            Self::Other => false,
            Self::Noted(_) => tag == annotations::ENTRY,
            Self::Composite(_) => matches!(
                tag,
                dw::DW_TAG_member
                    | dw::DW_TAG_inheritance
                    | dw::DW_TAG_variant_part
                    | annotations::ENTRY
            ),
            Self::Enum(_) => tag == dw::DW_TAG_enumerator,
            Self::Array(_) => {
                matches!(tag, dw::DW_TAG_subrange_type | dw::DW_TAG_generic_subrange)
            }
            Self::Proto { .. } => matches!(
                tag,
                dw::DW_TAG_formal_parameter
                    | dw::DW_TAG_unspecified_parameters
                    | annotations::ENTRY
            ),
        }
    }

    /// What notes among the children, or referred to by the entry, are on.
    pub(super) fn owner(&self) -> Option<Owner> {
        match self {
            Self::Noted(owner) => Some(*owner),
            Self::Composite(frame) => Some(Owner::Whole(frame.ty)),
            Self::Proto { function, .. } => function.map(Owner::Whole),
            Self::Other | Self::Enum(_) | Self::Array(_) => None,
        }
    }
}

/// Tags of types.
pub(super) fn is_type(tag: DwTag) -> bool {
    matches!(
        tag,
        dw::DW_TAG_base_type
            | dw::DW_TAG_unspecified_type
            | dw::DW_TAG_pointer_type
            | dw::DW_TAG_reference_type
            | dw::DW_TAG_rvalue_reference_type
            | dw::DW_TAG_ptr_to_member_type
            | dw::DW_TAG_const_type
            | dw::DW_TAG_volatile_type
            | dw::DW_TAG_restrict_type
            | dw::DW_TAG_atomic_type
            | dw::DW_TAG_immutable_type
            | dw::DW_TAG_packed_type
            | dw::DW_TAG_shared_type
            | dw::DW_TAG_typedef
            | dw::DW_TAG_template_alias
            | dw::DW_TAG_structure_type
            | dw::DW_TAG_class_type
            | dw::DW_TAG_interface_type
            | dw::DW_TAG_union_type
            | dw::DW_TAG_enumeration_type
            | dw::DW_TAG_array_type
            | dw::DW_TAG_subroutine_type
            | dw::DW_TAG_subrange_type
            | dw::DW_TAG_string_type
            | dw::DW_TAG_set_type
            | dw::DW_TAG_file_type
            | dw::DW_TAG_coarray_type
            | dw::DW_TAG_dynamic_type
    )
}

/// A type referred to by an entry, as a pending reference; no reference is `void`.
pub(super) fn pending(key: Option<Key>) -> TypeId {
    TypeId(key.unwrap_or(0))
}

/// Begins the type, or adds the part, that an entry describes.
pub(super) fn open<'a>(
    out: &mut Collected<'a>,
    parent: Option<&mut Frame>,
    key: Key,
    tag: DwTag,
    attrs: &Attrs<'a>,
) -> Result<Frame, Error> {
    if let Some(parent) = parent
        && parent.takes(tag)
    {
        if tag == annotations::ENTRY {
            annotations::child(out, parent, key, attrs)?;
            return Ok(Frame::Other);
        }
        let owner = part(out, parent, key, tag, attrs);
        return Ok(owner.map_or(Frame::Other, Frame::Noted));
    }
    let ty = pending(attrs.key(Slot::Type));
    match tag {
        dw::DW_TAG_pointer_type | dw::DW_TAG_reference_type | dw::DW_TAG_rvalue_reference_type => {
            derived(out, key, attrs, Type::Ptr(ty), Owner::Pointer)
        }
        dw::DW_TAG_const_type => derived(out, key, attrs, Type::Const(ty), Owner::Whole),
        dw::DW_TAG_volatile_type => derived(out, key, attrs, Type::Volatile(ty), Owner::Whole),
        dw::DW_TAG_restrict_type => derived(out, key, attrs, Type::Restrict(ty), Owner::Whole),
        dw::DW_TAG_typedef | dw::DW_TAG_template_alias => {
            let name = attrs.name_offset();
            if name.is_anonymous() {
                Ok(same_as(out, key, attrs))
            } else {
                derived(out, key, attrs, Type::Typedef { name, ty }, Owner::Whole)
            }
        }
        // No BTF kind says these; nor does the layout depend on them.
        dw::DW_TAG_atomic_type
        | dw::DW_TAG_immutable_type
        | dw::DW_TAG_packed_type
        | dw::DW_TAG_shared_type => Ok(same_as(out, key, attrs)),
        dw::DW_TAG_subrange_type => scalars::subrange(out, key, attrs),
        // `nullptr_t`.
        dw::DW_TAG_unspecified_type
            if {
                let name = attrs.name_bytes();
                name.ends_with(b"nullptr_t") || name == b"decltype(nullptr)"
            } =>
        {
            derived(out, key, attrs, Type::Ptr(TypeId::VOID), Owner::Whole)
        }
        dw::DW_TAG_ptr_to_member_type => members::member_pointer(out, key, attrs),
        dw::DW_TAG_unspecified_type => {
            out.meanings.push((key, Meaning::Type(TypeId::VOID)));
            Ok(Frame::Other)
        }
        dw::DW_TAG_base_type => scalars::base(out, key, attrs),
        dw::DW_TAG_enumeration_type => scalars::enumeration(out, key, attrs),
        dw::DW_TAG_structure_type | dw::DW_TAG_class_type | dw::DW_TAG_interface_type => {
            members::composite(out, CompositeKind::Struct, key, attrs)
        }
        dw::DW_TAG_union_type => members::composite(out, CompositeKind::Union, key, attrs),
        dw::DW_TAG_array_type => arrays::array(out, key, attrs),
        dw::DW_TAG_subroutine_type => {
            let (returns, params) = (ty, Vec::new());
            let ty = out.define(key, Type::FuncProto { returns, params })?;
            Ok(proto(out, key, ty, None))
        }
        dw::DW_TAG_subprogram => function(out, key, attrs),
        _ if is_type(tag) => opaque(out, key, attrs, Problem::Tag(tag)),
        _ => Ok(Frame::Other),
    }
}

/// Adds a part to the type whose entry it is a child of; says what notes on the part are on.
fn part(
    out: &mut Collected<'_>,
    parent: &mut Frame,
    key: Key,
    tag: DwTag,
    attrs: &Attrs<'_>,
) -> Option<Owner> {
    match (parent, tag) {
        (Frame::Array(frame), _) => frame.add(out, key, tag, attrs),
        (
            Frame::Proto {
                first_param,
                function,
                ..
            },
            dw::DW_TAG_formal_parameter,
        ) => {
            out.params.push(Param {
                name: attrs.name_offset(),
                ty: pending(attrs.key(Slot::Type)),
            });
            let number = out.params.len().saturating_sub(*first_param + 1);
            return function.map(|function| Owner::Part(function, number));
        }
        (Frame::Proto { .. }, dw::DW_TAG_unspecified_parameters) => out.params.push(Param {
            name: NameOffset::ANONYMOUS,
            ty: TypeId::VOID,
        }),
        (Frame::Enum(frame), dw::DW_TAG_enumerator) => frame.add(out, key, attrs),
        (Frame::Composite(frame), _) => return frame.add(out, key, tag, attrs),
        _ => {}
    }
    None
}

/// Completes a type, all of whose parts have been read.
pub(super) fn close(out: &mut Collected<'_>, frame: Frame) -> Result<(), Error> {
    match frame {
        Frame::Other | Frame::Noted(_) => Ok(()),
        Frame::Composite(frame) => {
            frame.close(out);
            Ok(())
        }
        Frame::Enum(frame) => {
            frame.close(out);
            Ok(())
        }
        Frame::Array(frame) => frame.close(out),
        Frame::Proto {
            key,
            ty,
            first_param,
            ..
        } => {
            let params = out.params.split_off(first_param);
            close_proto(out, key, ty, params);
            Ok(())
        }
    }
}

/// A type that is made of one other.
fn derived(
    out: &mut Collected<'_>,
    key: Key,
    attrs: &Attrs<'_>,
    ty: Type,
    owner: fn(TypeId) -> Owner,
) -> Result<Frame, Error> {
    let ty = out.define(key, ty)?;
    if let Some(odd) = attrs.odd {
        out.stand_in(ty, key, Problem::Attribute(odd));
    }
    Ok(Frame::Noted(owner(ty)))
}

/// An entry that changes nothing BTF could tell.
pub(super) fn same_as(out: &mut Collected<'_>, key: Key, attrs: &Attrs<'_>) -> Frame {
    let meaning = match attrs.key(Slot::Type) {
        Some(other) => Meaning::SameAs(other),
        None => Meaning::Type(TypeId::VOID),
    };
    out.meanings.push((key, meaning));
    Frame::Other
}

/// A struct of the right size without members, in the place of what cannot be described.
pub(super) fn opaque(
    out: &mut Collected<'_>,
    key: Key,
    attrs: &Attrs<'_>,
    problem: Problem,
) -> Result<Frame, Error> {
    let name = attrs.name_offset();
    let size_bytes = u32::try_from(attrs.get(Slot::ByteSize).unwrap_or(0)).unwrap_or(0);
    let ty = out.define(
        key,
        Type::Composite {
            kind: CompositeKind::Struct,
            name,
            size_bytes,
            members: Vec::new(),
        },
    )?;
    out.stand_in(ty, key, problem);
    Ok(Frame::Other)
}

fn proto(out: &Collected<'_>, key: Key, ty: TypeId, function: Option<TypeId>) -> Frame {
    Frame::Proto {
        key,
        ty,
        function,
        first_param: out.params.len(),
    }
}

fn close_proto(out: &mut Collected<'_>, key: Key, ty: TypeId, found: Vec<Param>) {
    if found.len() as u64 > MAX_VLEN {
        out.stand_in(ty, key, Problem::Limit("number of parameters"));
    } else if let Some(Type::FuncProto { params, .. }) = out.types.get_mut(ty) {
        *params = found;
    }
}

/// A function: `FUNC` and `FUNC_PROTO` if the entry names it. Whether it is kept depends on code that
/// another entry may have; see [`Function`].
fn function<'a>(out: &mut Collected<'a>, key: Key, attrs: &Attrs<'a>) -> Result<Frame, Error> {
    let name = attrs.name_offset();
    let symbol = attrs.text(Slot::LinkageName);
    let mut function = Function {
        key,
        ty: None,
        symbol,
        origin: attrs.key(Slot::Origin),
        code: attrs.has(Slot::Code),
    };
    if name.is_anonymous() && symbol.is_none() {
        out.functions.push(function);
        return Ok(Frame::Other);
    }
    let proto_type = out.push(
        key,
        Type::FuncProto {
            returns: pending(attrs.key(Slot::Type)),
            params: Vec::new(),
        },
    )?;
    let ty = out.push(
        key,
        Type::Func {
            name,
            proto: local(proto_type),
            linkage: u16::from(attrs.has(Slot::External)),
        },
    )?;
    function.ty = Some(ty);
    out.functions.push(function);
    Ok(proto(out, key, proto_type, Some(ty)))
}
